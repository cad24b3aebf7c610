// Package mail sends a market's mail by a server of SMTP (RFC 5321).
//
//	m, err := mail.New(mail.Options{Server: "smtp://market@mail.example.org:587", From: "market@example.org", Password: "…"})
//	err = m.Send(ctx, "ada@example.org", "Password", "Follow this link …")
package mail

import (
	"context"
	"errors"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Options say by which server mail goes.
type Options struct {
	// Server is smtp://user@host:587, which must encrypt by STARTTLS unless it is on this machine, or smtps://user@host:465,
	// which encrypts from the beginning. Without a user nobody logs in; "?tls=none" sends unencrypted.
	Server   string
	Password string // of the user
	From     string // address of the sender, with a name before it or not
}

// Mailer sends mail. Its methods may be called from several goroutines.
type Mailer struct {
	host    string
	options []gomail.Option
	from    string
}

// patience is how long a server may take for one mail.
const patience = 30 * time.Second

// New reads options; nothing is sent yet.
func New(o Options) (*Mailer, error) {
	u, err := url.Parse(o.Server)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Path != "" && u.Path != "/" {
		return nil, hint.Errorf("write it as in smtp://user@mail.example.org:587 or smtps://user@mail.example.org", "the mail server's address cannot be read")
	}
	if _, there := u.User.Password(); there {
		return nil, hint.Errorf("keep it where other users of the machine do not see it", "a password stands in the mail server's address")
	}
	from, err := netmail.ParseAddress(o.From)
	if err != nil {
		return nil, hint.Errorf("write it as in market@example.org", "the sender %.120q is no mail address", o.From)
	}
	m := &Mailer{host: u.Hostname(), from: from.String(), options: []gomail.Option{gomail.WithTimeout(patience)}}
	port := 587
	switch tls := u.Query().Get("tls"); {
	case tls != "" && tls != "none":
		return nil, hint.Errorf("it is none, or left out", "tls=%.40q in the mail server's address", tls)
	case u.Scheme == "smtps":
		port = 465
		m.options = append(m.options, gomail.WithSSL())
	case tls == "none":
		m.options = append(m.options, gomail.WithTLSPolicy(gomail.NoTLS))
	case loopback(u.Hostname()):
		m.options = append(m.options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default:
		m.options = append(m.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if text := u.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil {
			return nil, err
		}
	}
	m.options = append(m.options, gomail.WithPort(port))
	if user := u.User.Username(); user != "" {
		how := gomail.SMTPAuthAutoDiscover // what a server offers, but nothing that shows the password unencrypted
		if loopback(u.Hostname()) {
			how = gomail.SMTPAuthPlain
		} else if u.Query().Get("tls") == "none" {
			return nil, hint.Errorf("leave tls=none or the user out", "the mail server's password would go unencrypted")
		}
		m.options = append(m.options, gomail.WithUsername(user), gomail.WithPassword(o.Password), gomail.WithSMTPAuth(how))
	}
	_, err = gomail.NewClient(m.host, m.options...)
	return m, err
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send sends a text to one person.
func (m *Mailer) Send(ctx context.Context, to, subject, text string) error {
	message := gomail.NewMsg()
	err := errors.Join(message.From(m.from), message.To(to))
	if err == nil {
		message.Subject(subject)
		message.SetDate()
		message.SetMessageID()
		message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody who is away answers
		message.SetBodyString(gomail.TypeTextPlain, text)
		var c *gomail.Client
		if c, err = gomail.NewClient(m.host, m.options...); err == nil {
			err = c.DialAndSendWithContext(ctx, message)
		}
	}
	if err != nil {
		return hint.Wrap(err, "check the mail server's address, user and password", "sending mail by %s", m.host)
	}
	return nil
}
