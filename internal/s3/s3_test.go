package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func credentials(t *testing.T) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": ""} {
		t.Setenv(name, value)
	}
}

func TestAddressesOfStores(t *testing.T) {
	credentials(t)
	for address, want := range map[string]string{
		"s3://models":                               "https://models.s3.us-east-1.amazonaws.com/k%20%C3%A9/a",
		"s3://models/market/?region=eu-west-1":      "https://models.s3.eu-west-1.amazonaws.com/market/k%20%C3%A9/a",
		"s3://with.dots":                            "https://s3.us-east-1.amazonaws.com/with.dots/k%20%C3%A9/a",
		"s3://m?endpoint=http://127.0.0.1:9":        "http://127.0.0.1:9/m/k%20%C3%A9/a",
		"s3://m/p/q?endpoint=http://h/s&style=host": "http://m.h/s/p/q/k%20%C3%A9/a",
	} {
		b, err := Open(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.address("k é/a", nil).String(); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	for _, address := range []string{"", "s3://", "http://b", "s3://b?endpoint=x", "s3://b?endpont=http://h", "s3://u:p@b", "s3://b?style=round", "s3://%"} {
		if _, err := Open(address); err == nil || hint.Way(err) == "" {
			t.Errorf("%q: %v", address, err)
		}
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := Open("s3://b"); err == nil || !strings.Contains(hint.Way(err), "AWS_SECRET_ACCESS_KEY") {
		t.Errorf("without credentials: %v", err)
	}
}

// answering is a bucket whose server gives these answers, one after another, and how many it was asked for.
func answering(t *testing.T, answers ...func(http.ResponseWriter)) (*Bucket, *int) {
	credentials(t)
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		answers[min(asked, len(answers)-1)](w)
		asked++
	}))
	t.Cleanup(s.Close)
	b, err := Open("s3://b?endpoint=" + s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return b, &asked
}

func said(status int, code string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>so it is</Message></Error>", code)
	}
}

func TestWhatFailsInPassingIsSentAgain(t *testing.T) {
	b, asked := answering(t, said(503, "SlowDown"), said(500, "InternalError"), func(w http.ResponseWriter) {})
	if err := b.Put(t.Context(), "k", []byte("x")); err != nil || *asked != 3 {
		t.Errorf("%v after %d requests", err, *asked)
	}
	for _, c := range []struct {
		answer func(http.ResponseWriter)
		want   error
		asked  int
	}{
		{said(503, "SlowDown"), ErrUnavailable, tries},
		{said(404, "NoSuchBucket"), ErrUnavailable, tries},
		{said(404, "NoSuchKey"), ErrNotFound, 1},
		{said(403, "AccessDenied"), nil, 1},
	} {
		b, asked := answering(t, c.answer)
		err := b.Put(t.Context(), "k", nil)
		if err == nil || *asked != c.asked || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%v after %d requests, want %v after %d", err, *asked, c.want, c.asked)
		}
	}
}

func TestAnErrorBehindAGoodStatusIsOne(t *testing.T) {
	b, _ := answering(t, said(200, "InternalError"))
	if err := b.Complete(t.Context(), "k", "u", nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Complete: %v", err)
	}
	if err := b.Copy(t.Context(), "k", "l", 1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Copy: %v", err)
	}
	b, _ = answering(t, said(200, "InvalidPart"))
	if err := b.Complete(t.Context(), "k", "u", nil); !IsOtherPart(err) {
		t.Errorf("Complete: %v", err)
	}
}

func TestAServerThatIsGoneIsSaidSo(t *testing.T) {
	credentials(t)
	s := httptest.NewServer(nil)
	address := s.URL
	s.Close()
	b, err := Open("s3://b?endpoint=" + address)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Ping(t.Context()); !errors.Is(err, ErrUnavailable) || hint.Way(err) == "" {
		t.Error(err)
	}
	if _, err := b.Head(t.Context(), "k"); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}
