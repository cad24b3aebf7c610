// Package smtptest has a mail server for tests: it takes what it is sent, and keeps it.
package smtptest

import (
	"bufio"
	"encoding/base64"
	"io"
	"mime"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"mime/quotedprintable"
)

// Server is one on a port of this machine.
type Server struct {
	Address string // host:port
	User    string // with its password, who must log in; "" for nobody
	Refuse  bool   // every recipient

	mu    sync.Mutex
	mails []Mail
	came  chan struct{}
}

// Mail is one that came.
type Mail struct {
	From, To      string // of the envelope
	Header        mail.Header
	Subject, Text string
}

// Start starts a server that runs until its test has ended; user is "name:password", or "" for anybody.
func Start(t *testing.T, user string) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: l.Addr().String(), User: user, came: make(chan struct{}, 1000)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(c)
		}
	}()
	return s
}

// Mails are those that have come.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Wait waits for another mail and returns it.
func (s *Server) Wait(t *testing.T) Mail {
	t.Helper()
	select {
	case <-s.came:
	case <-time.After(30 * time.Second):
		t.Fatal("no mail has come")
	}
	list := s.Mails()
	return list[len(list)-1]
}

// talk speaks as much of RFC 5321 and RFC 4954 as a client needs.
func (s *Server) talk(c net.Conn) {
	defer c.Close()
	p := textproto.NewConn(c)
	say := func(line string) { p.PrintfLine("%s", line) }
	say("220 test")
	var m Mail
	known := s.User == ""
	for {
		line, err := p.ReadLine()
		if err != nil {
			return
		}
		word, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(word) {
		case "EHLO":
			say("250-test")
			say("250-AUTH PLAIN")
			say("250 8BITMIME")
		case "AUTH":
			_, token, _ := strings.Cut(rest, " ")
			text, err := base64.StdEncoding.DecodeString(token)
			name, password, _ := strings.Cut(s.User, ":")
			if known = err == nil && string(text) == "\x00"+name+"\x00"+password; known {
				say("235 welcome")
			} else {
				say("535 no")
			}
		case "MAIL":
			m = Mail{From: between(rest)}
			say("250 ok")
		case "RCPT":
			m.To = between(rest)
			if s.Refuse || !known {
				say("550 no")
			} else {
				say("250 ok")
			}
		case "DATA":
			say("354 go on")
			text, err := p.ReadDotBytes()
			if err != nil {
				return
			}
			s.keep(m, string(text))
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default: // NOOP, RSET
			say("250 ok")
		}
	}
}

func between(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

func (s *Server) keep(m Mail, text string) {
	if parsed, err := mail.ReadMessage(bufio.NewReader(strings.NewReader(text))); err == nil {
		m.Header = parsed.Header
		m.Subject, _ = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
		body := parsed.Body
		switch parsed.Header.Get("Content-Transfer-Encoding") {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		b, _ := io.ReadAll(body) // what cannot be read lacks in the text
		m.Text = string(b)
	}
	s.mu.Lock()
	s.mails = append(s.mails, m)
	s.mu.Unlock()
	s.came <- struct{}{}
}
