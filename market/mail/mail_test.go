package mail_test

import (
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/smtptest"
	"github.com/xiaoyu-slm/xiaoyu/market/mail"
)

func TestMailArrivesAsItWasWritten(t *testing.T) {
	s := smtptest.Start(t, "market:correct horse")
	m, err := mail.New(mail.Options{Server: "smtp://market@" + s.Address, Password: "correct horse", From: "Xiaoyu 小语 <market@example.org>"})
	if err != nil {
		t.Fatal(err)
	}
	text := "您好，ada！\n\n" + strings.Repeat("a long line of text ", 80) + "\n.\nhttps://market.example.org/password/abc=def\n"
	if err := m.Send(t.Context(), "ada@example.org", "重设密码 – reset", text); err != nil {
		t.Fatal(err)
	}
	got := s.Wait(t)
	if got.From != "market@example.org" || got.To != "ada@example.org" || got.Subject != "重设密码 – reset" || strings.TrimSpace(strings.ReplaceAll(got.Text, "\r\n", "\n")) != strings.TrimSpace(text) {
		t.Errorf("%+v", got)
	}
	if got.Header.Get("Auto-Submitted") != "auto-generated" || got.Header.Get("Message-Id") == "" || got.Header.Get("Date") == "" {
		t.Errorf("the head lacks something: %v", got.Header)
	}
	for _, to := range []string{"", "nobody", "a@b.org\r\nBcc: eve@b.org", "a@b.org, eve@b.org"} {
		if err := m.Send(t.Context(), to, "x", "x"); err == nil {
			t.Errorf("mail goes to %q", to)
		}
	}
	if err := m.Send(t.Context(), "ada@example.org", "x\r\nBcc: eve@example.org", "x"); err == nil {
		if h := s.Wait(t).Header; h.Get("Bcc") != "" {
			t.Errorf("a subject writes the head: %v", h)
		}
	}
}

func TestMailIsNotSentUnlessAllIsRight(t *testing.T) {
	s := smtptest.Start(t, "market:correct horse")
	for _, o := range []mail.Options{{Server: "smtp://other@" + s.Address, Password: "correct horse"}, {Server: "smtp://market@" + s.Address, Password: "wrong"}, {Server: "smtps://market@" + s.Address, Password: "correct horse"}} {
		o.From = "market@example.org"
		m, err := mail.New(o)
		if err == nil {
			err = m.Send(t.Context(), "ada@example.org", "x", "x")
		}
		if err == nil || strings.Contains(err.Error(), o.Password) {
			t.Errorf("%s: %v", o.Server, err)
		}
	}
	if n := len(s.Mails()); n != 0 {
		t.Errorf("%d mails came", n)
	}
	for _, o := range []mail.Options{{Server: "mail.example.org", From: "a@b.org"}, {Server: "http://mail.example.org", From: "a@b.org"}, {Server: "smtp://a:b@mail.example.org", From: "a@b.org"}, {Server: "smtp://mail.example.org", From: "nobody"},
		{Server: "smtp://mail.example.org"}, {Server: "smtp://mail.example.org?tls=maybe", From: "a@b.org"}, {Server: "smtp://:587", From: "a@b.org"}, {Server: "smtp://a@mail.example.org?tls=none", From: "a@b.org"}, {Server: "smtp://mail.example.org:x", From: "a@b.org"}} {
		if _, err := mail.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
