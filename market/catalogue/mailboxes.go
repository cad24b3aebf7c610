package catalogue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// ConfirmationLasts is how long a link that confirms a mail address can be used.
const ConfirmationLasts = 24 * time.Hour

// mailboxOf is what tells a mailbox from others: the address in lower case, its domain as DNS has it, without what stands
// behind a plus sign, which the same person may choose anew for each account (subaddresses, RFC 5233); without the dots that
// Gmail does not look at. "" where there is no address, or where it has quotes or comments, by which one mailbox can be
// written in many ways (RFC 5322, section 3.2).
func mailboxOf(address string) string {
	local, domain, found := strings.Cut(strings.ToLower(norm.NFC.String(address)), "@")
	if !found || strings.ContainsAny(address, `"()[]\:`) {
		return ""
	}
	domain = strings.TrimSuffix(domain, ".")
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	if plain, _, tagged := strings.Cut(local, "+"); tagged && plain != "" {
		local = plain
	}
	if domain == "gmail.com" || domain == "googlemail.com" {
		local, domain = strings.ReplaceAll(local, ".", ""), "gmail.com"
	}
	return local + "@" + domain
}

// CreateConfirmation returns a code that is to be sent to an account's mail address: who has it can confirm the address,
// once. It is not kept and cannot be shown again. ErrInvalid where there is no address, or nothing to confirm.
func (c *Catalogue) CreateConfirmation(ctx context.Context, who Caller) (code string, err error) {
	if err := who.Needs(Admin); err != nil {
		return "", err
	}
	a := who.Account
	code, hash := secret("")
	return code, wrap(c.update(ctx, func(q queries) error {
		var email, confirmed string
		if err := q.row("SELECT email, mailbox FROM accounts WHERE id = ?", []any{a.ID}, &email, &confirmed); err != nil {
			return err
		}
		now, mailbox := c.now(), mailboxOf(email)
		switch {
		case mailbox == "":
			return hint.Errorf("save it with your profile first", "there is no mail address: %w", ErrInvalid)
		case confirmed != "":
			return hint.Errorf("there is nothing to do", "the mail address is confirmed: %w", ErrInvalid)
		}
		if _, err := q.exec("DELETE FROM confirmations WHERE expires < ?", stamp(now)); err != nil {
			return err
		}
		_, err := q.exec("INSERT INTO confirmations (hash, account_id, mailbox, expires) VALUES (?, ?, ?, ?)", hash, a.ID, mailbox, stamp(now.Add(ConfirmationLasts)))
		return err
	}), "confirming the mail address of %s", a.Name)
}

// Confirm uses a code up that was sent to the mail address of somebody, who is signed in: the mailbox is his account's, and no
// other's, and what he has said is no longer held for want of it. ErrLink; ErrExists where the mailbox has an account.
func (c *Catalogue) Confirm(ctx context.Context, who Caller, code string) error {
	if err := who.Needs(Admin); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		var mailbox, email string
		err := q.row("SELECT c.mailbox, a.email FROM confirmations c JOIN accounts a ON a.id = c.account_id WHERE c.hash = ? AND a.id = ? AND c.expires > ?",
			[]any{hashOf(code), who.Account.ID, stamp(c.now())}, &mailbox, &email)
		if err == nil && mailbox != mailboxOf(email) || errors.Is(err, ErrNotFound) {
			return badLink()
		}
		if err != nil {
			return err
		}
		if _, err := q.exec("DELETE FROM confirmations WHERE account_id = ?", who.Account.ID); err != nil {
			return err
		}
		own, err := claim(q, who.Account.ID, "mailbox "+mailbox)
		if err == nil && !own {
			err = hint.Errorf("one person has one account: use that, or another address", "another account has shown this mailbox: %w", ErrExists)
		}
		if err != nil {
			return err
		}
		n, err := q.exec("UPDATE accounts SET mailbox = ? WHERE id = ? AND email = ?", mailbox, who.Account.ID, email)
		if err == nil && n == 0 { // the address was changed in this moment
			err = badLink()
		}
		if err != nil {
			return err
		}
		return errors.Join(c.audit(q, who.Name(), "confirm address", who.Name(), ""), c.letSpeak(q, who.Account))
	}), "confirming the mail address of %s", who.Name())
}

// keepMailbox forgets that an address is confirmed, and links that would confirm it, where it changes to another mailbox. What
// the old one has shown stays: else one mailbox could show many accounts, one after the other.
func keepMailbox(q queries, a *Account, address string) error {
	mailbox := mailboxOf(address)
	if _, err := q.exec("UPDATE accounts SET mailbox = '' WHERE id = ? AND mailbox <> ?", a.ID, mailbox); err != nil {
		return err
	}
	_, err := q.exec("DELETE FROM confirmations WHERE account_id = ? AND mailbox <> ?", a.ID, mailbox)
	return err
}

// claim keeps that something shows whose an account is, and tells whether it does: what has shown another account does not.
func claim(q queries, account int64, proof string) (own bool, err error) {
	hash := hashOf(proof) // not keyed: it is to hold in a copy of the database as well
	_, err = q.exec("INSERT INTO proofs (hash, account_id) VALUES (?, ?) ON CONFLICT DO NOTHING", hash, account)
	if err == nil {
		err = q.row("SELECT account_id = ? FROM proofs WHERE hash = ?", []any{account, hash}, &own)
	}
	return own, err
}

// isSomebody tells whether an account has shown that it is a person's one account: by a mailbox or by an identity, each of
// which shows one account alone.
func isSomebody(q queries, account int64) (is bool, err error) {
	list, err := identities(q, account)
	for _, i := range list {
		if err == nil {
			_, err = claim(q, account, "identity "+i.Issuer+" "+i.Subject)
		}
	}
	if err == nil {
		err = q.row("SELECT EXISTS (SELECT 1 FROM proofs WHERE account_id = ?)", []any{account}, &is)
	}
	return is, err
}

// letSpeak shows what was held of somebody because nobody knew who that is; what a young account has said waits on.
func (c *Catalogue) letSpeak(q queries, a *Account) error {
	var packages []int64
	err := q.rows("SELECT DISTINCT repository_id FROM reviews WHERE account_id = ? AND state = 'held' AND reason = ? ORDER BY repository_id", []any{a.ID, HeldMailbox}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		packages = append(packages, id)
		return err
	})
	state, reason, until := Shown, "", int64(0)
	if old := a.Created.Add(c.Reviews.filled().Age); old.After(c.now()) {
		state, reason, until = Held, HeldYoung, stamp(old)
	}
	for _, id := range packages {
		if err == nil {
			err = q.lockRepository(id)
		}
		if err == nil {
			_, err = q.exec("UPDATE reviews SET state = ?, reason = ?, until = ? WHERE repository_id = ? AND account_id = ? AND state = 'held' AND reason = ?", state, reason, until, id, a.ID, HeldMailbox)
		}
		if err == nil {
			err = c.recount(q, id, a.ID)
		}
	}
	if err != nil {
		return fmt.Errorf("showing what was held: %w", err)
	}
	return nil
}
