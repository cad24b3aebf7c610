package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// ownProfile is somebody's profile, and whether he can have its mail address confirmed.
type ownProfile struct {
	*catalogue.Account
	Mails           bool // the market sends mail
	Sent, Confirmed bool // it has just sent some; it has just been told
}

func (h *Handler) profile(r *http.Request, who catalogue.Caller) (any, error) {
	q := r.URL.Query()
	return ownProfile{who.Account, h.options.Mailer != nil, q.Has("sent"), q.Has("confirmed")}, nil
}

func (h *Handler) mountMailbox() {
	if h.options.Mailer == nil {
		return
	}
	h.signedIn("GET /settings/mailbox", func(_ http.ResponseWriter, r *http.Request, _ catalogue.Caller) (*reply, error) {
		return mailboxReply(r, ""), nil // whoever follows links for others confirms nothing
	})
	h.signedIn("POST /settings/mailbox", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		if r.PostForm.Has("code") {
			return h.confirm(r, who)
		}
		return h.sendConfirmation(r, who)
	})
}

// mailboxPage is the page on which somebody confirms that a mailbox is his own.
type mailboxPage struct{ Code, Problem string }

func mailboxReply(r *http.Request, problem string) *reply {
	a := &reply{name: "account-mailbox", title: vocabulary[lang(r)].T("Confirm your e-mail address"), body: mailboxPage{r.FormValue("code"), problem}}
	if problem != "" {
		a.status = http.StatusBadRequest
	}
	return a
}

// sendConfirmation sends a link to the address that stands in somebody's profile. The answer does not wait for that.
func (h *Handler) sendConfirmation(r *http.Request, who catalogue.Caller) (*reply, error) {
	if err := take(h.post.asked, auth.Address(r)); err != nil {
		return nil, err
	}
	if err := take(h.post.sent, "confirm "+who.Name()); err != nil {
		return nil, err
	}
	code, err := h.depot.Catalogue.CreateConfirmation(r.Context(), who)
	if errors.Is(err, catalogue.ErrInvalid) {
		return &reply{to: "/settings/profile"}, nil // which says what there is to do
	}
	if err != nil {
		return nil, err
	}
	say, a := vocabulary[lang(r)], who.Account
	h.sendAside(r, func(ctx context.Context) error {
		text := fmt.Sprintf(say.T("The account %s says that this is its mail address. If that is you, confirm it here within a day, signed in:\n\n%s\n\nIf it is not you, there is nothing to do.\n"), a.Name, h.options.URL+"/settings/mailbox?code="+code)
		return h.options.Mailer.Send(ctx, a.Email, say.T("Your mail address at Xiaoyu"), text)
	})
	return &reply{to: "/settings/profile?sent"}, nil
}

// sendAside sends mail while the answer goes out.
func (h *Handler) sendAside(r *http.Request, send func(ctx context.Context) error) {
	select {
	case h.post.busy <- struct{}{}:
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
		go func() {
			defer func() {
				cancel()
				<-h.post.busy
			}()
			if err := send(ctx); err != nil {
				h.log.Error("mail was not sent", "error", err)
			}
		}()
	default:
		h.log.Error("mail was not sent", "error", "too much is on its way")
	}
}

func (h *Handler) confirm(r *http.Request, who catalogue.Caller) (*reply, error) {
	if err := take(h.attempts.signUp, auth.Address(r)); err != nil {
		return nil, err
	}
	say := vocabulary[lang(r)]
	switch err := h.depot.Catalogue.Confirm(r.Context(), who, r.PostFormValue("code")); {
	case errors.Is(err, catalogue.ErrLink):
		return mailboxReply(r, say.T("This link is not valid, or no longer. Ask for a new one.")), nil
	case errors.Is(err, catalogue.ErrExists):
		return mailboxReply(r, say.T("This mailbox has confirmed another account. One person has one account: use that, or another address.")), nil
	case err != nil:
		return nil, err
	}
	return &reply{to: "/settings/profile?confirmed"}, nil
}
