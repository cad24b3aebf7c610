package s3

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and sigv4-query-string-auth.html.
var (
	example = Credentials{Key: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	day     = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
)

const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of no bytes

func TestSignaturesAreThoseOfTheDocumentation(t *testing.T) {
	for _, c := range []struct{ address, ranges, want string }{
		{"https://examplebucket.s3.amazonaws.com/test.txt", "bytes=0-9", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"https://examplebucket.s3.amazonaws.com/?lifecycle", "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		r, err := http.NewRequest("GET", c.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.ranges != "" {
			r.Header.Set("Range", c.ranges)
		}
		example.sign(r, nothing, "us-east-1", day)
		if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+c.want) {
			t.Errorf("%s: %s, want %s", c.address, got, c.want)
		}
	}
}

func TestSignedAddressesAreThoseOfTheDocumentation(t *testing.T) {
	u, err := url.Parse("https://examplebucket.s3.amazonaws.com/test.txt")
	if err != nil {
		t.Fatal(err)
	}
	example.presign("GET", u, "us-east-1", day, 24*time.Hour)
	if got, want := u.Query().Get("X-Amz-Signature"), "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTheSessionOfTemporaryCredentialsIsSigned(t *testing.T) {
	r, err := http.NewRequest("GET", "https://b.example.org/", nil)
	if err != nil {
		t.Fatal(err)
	}
	c := example
	c.Session = "token"
	c.sign(r, nothing, "eu-west-1", day)
	if got := r.Header.Get("Authorization"); !strings.Contains(got, "x-amz-security-token") || !strings.Contains(got, "/20130524/eu-west-1/s3/aws4_request") || r.Header.Get("X-Amz-Security-Token") != "token" {
		t.Error(got)
	}
}
