package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/limit"
)

// Mailer sends a text to one person; *mail.Mailer is one.
type Mailer interface {
	Send(ctx context.Context, to, subject, text string) error
}

// post is the sending of mail to people: who have forgotten their passwords, or confirm their addresses.
type post struct {
	asked *limit.Limiter // of a client
	sent  *limit.Limiter // to an account
	busy  chan struct{}  // as many places as mails may be on their way at once
}

// mailsAtOnce is how many mails may be on their way.
const mailsAtOnce = 16

func newPost() post {
	return post{limit.New(time.Minute, 5), limit.New(20*time.Minute, 3), make(chan struct{}, mailsAtOnce)}
}

func (h *Handler) mountForgotten() {
	h.form("GET /password", func(_ http.ResponseWriter, r *http.Request) (*reply, error) { return h.forgottenReply(r, false), nil })
	if h.options.Mailer != nil {
		h.form("POST /password", h.forgotten)
	}
	h.form("GET /password/{code}", h.resetPage)
	h.form("POST /password/{code}", h.reset)
}

// forgottenPage is the page on which a link is asked for.
type forgottenPage struct {
	Mails bool // the market sends mail
	Asked bool
}

func (h *Handler) forgottenReply(r *http.Request, asked bool) *reply {
	return &reply{name: "account-forgotten", title: vocabulary[lang(r)].T("Forgotten password"), body: forgottenPage{h.options.Mailer != nil, asked}}
}

// forgotten sends a link to whom a form names, if there is somebody. The answer is the same for all, and does not wait.
func (h *Handler) forgotten(_ http.ResponseWriter, r *http.Request) (*reply, error) {
	if err := take(h.post.asked, auth.Address(r)); err != nil {
		return nil, err
	}
	name, say := strings.TrimSpace(r.PostFormValue("name")), vocabulary[lang(r)]
	h.sendAside(r, func(ctx context.Context) error { return h.sendLinks(ctx, name, say) })
	return h.forgottenReply(r, true), nil
}

// sendLinks sends mail to those whom a name or an address means.
func (h *Handler) sendLinks(ctx context.Context, name string, say words) error {
	list, err := h.depot.Catalogue.Forgetful(ctx, name)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range list {
		if h.post.sent.Take(a.Name) > 0 { // nobody's mailbox is filled
			continue
		}
		code, err := h.depot.Catalogue.CreateReset(ctx, a.Name, a, catalogue.MailedResetLasts)
		if err == nil {
			text := fmt.Sprintf(say.T("Somebody, you most likely, wants another password for the account %s. Choose it here within an hour:\n\n%s\n\nIf it was not you, there is nothing to do: your password stays as it is.\n"), a.Name, h.options.URL+"/password/"+code)
			err = h.options.Mailer.Send(ctx, a.Email, say.T("Another password for Xiaoyu"), text)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// resetForm is the page on which another password is chosen.
type resetForm struct {
	Name    string // of the account; "" where the link is not valid
	Code    string
	Mails   bool // another link can be asked for
	Problem string
}

func (h *Handler) resetPage(w http.ResponseWriter, r *http.Request) (*reply, error) {
	return h.resetReply(w, r, nil)
}

// resetReply is the form, with what was wrong with the password.
func (h *Handler) resetReply(w http.ResponseWriter, r *http.Request, problem error) (*reply, error) {
	if err := take(h.attempts.signUp, auth.Address(r)); err != nil {
		return nil, err
	}
	say := vocabulary[lang(r)]
	w.Header().Set("Cache-Control", "no-store")
	a := &reply{name: "account-reset", title: say.T("Another password")}
	body := resetForm{Code: r.PathValue("code"), Mails: h.options.Mailer != nil}
	who, err := h.depot.Catalogue.Resettable(r.Context(), body.Code)
	switch {
	case errors.Is(err, catalogue.ErrLink):
		a.status = http.StatusNotFound
	case err != nil:
		return nil, err
	default:
		body.Name = who.Name
	}
	if problem != nil && body.Name != "" {
		a.status = http.StatusBadRequest
		if body.Problem, err = h.problem(say, problem); err != nil {
			return nil, err
		}
	}
	a.body = body
	return a, nil
}

func (h *Handler) reset(w http.ResponseWriter, r *http.Request) (*reply, error) {
	a, err := h.depot.Catalogue.Reset(r.Context(), r.PathValue("code"), r.PostFormValue("password"))
	if errors.Is(err, catalogue.ErrLink) || errors.Is(err, catalogue.ErrInvalid) {
		return h.resetReply(w, r, err)
	}
	if err != nil {
		return nil, err
	}
	h.log.Info("a password was reset", "account", a.Name)
	return &reply{to: "/login?changed"}, h.end(r)
}
