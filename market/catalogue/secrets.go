package catalogue

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Passwords are kept by argon2id with the parameters that OWASP's cheat sheet names for it
// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html): 19 MiB, two passes, one lane.
const (
	argonMemory = 19 << 10 // KiB
	argonPasses = 2
	argonLanes  = 1
)

// hashing holds as many places as passwords may be computed at once, since each takes memory.
var hashing = make(chan struct{}, 2)

func argon(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, 32), nil
}

func hashPassword(ctx context.Context, password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < 8 || len(password) > 1024 {
		return "", hint.Errorf("choose one of at least 8 characters", "a password of %d characters: %w", n, ErrInvalid)
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	sum, err := argon(ctx, password, salt)
	if err != nil {
		return "", err
	}
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes, e.EncodeToString(salt), e.EncodeToString(sum)), nil
}

// checkPassword compares in constant time; where there is no hash it takes as long as if there were one.
func checkPassword(ctx context.Context, hashed, password string) (bool, error) {
	var memory, passes uint32
	var lanes uint8
	var version int
	parts := strings.Split(hashed, "$")
	if len(parts) != 6 {
		_, err := argon(ctx, password[:min(len(password), 1024)], make([]byte, 16))
		return false, err
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil || version != argon2.Version {
		return false, errors.New("the password in the database is of a form that is not known here")
	}
	if memory != argonMemory || passes != argonPasses || lanes != argonLanes {
		return false, errors.New("the password in the database was made with other parameters")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, err
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, err
	}
	got, err := argon(ctx, password[:min(len(password), 1024)], salt)
	return subtle.ConstantTimeCompare(got, want) == 1, err
}

// tokenPrefix lets programs that look for leaked secrets tell ours.
const tokenPrefix = "xy_"

// secret returns 256 random bits as text, and what is kept of them.
func secret(prefix string) (text, hash string) {
	var b [32]byte
	rand.Read(b[:])
	text = prefix + base64.RawURLEncoding.EncodeToString(b[:])
	return text, hashOf(text)
}

// hashOf needs no salt and no slowness, as what it hashes cannot be guessed.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Token is what is known of a token: not the token itself.
type Token struct {
	ID      int64
	Name    string
	Scope   Right
	Created time.Time
	Expires time.Time // zero: never
	Used    time.Time // zero: never; to the hour
}

// CreateToken returns a new token of an account, which is not kept and cannot be shown again. A zero time is no end.
func (c *Catalogue) CreateToken(ctx context.Context, a *Account, name string, scope Right, expires time.Time) (token string, err error) {
	if scope == None || a.Organisation {
		return "", hint.Errorf("make it for a person, with the scope read, write or admin", "a token of %s: %w", a.Name, ErrInvalid)
	}
	token, hash := secret(tokenPrefix)
	var end any
	if !expires.IsZero() {
		end = stamp(expires)
	}
	err = c.update(ctx, func(q queries) error {
		if _, err := q.exec("INSERT INTO tokens (account_id, name, hash, scope, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
			a.ID, name, hash, scope.String(), stamp(c.now()), end); err != nil {
			return err
		}
		return c.audit(q, a.Name, "token", a.Name, scope.String()+" "+name)
	})
	if err != nil {
		return "", wrap(err, "making a token of %s", a.Name)
	}
	return token, nil
}

// Tokens lists the tokens of an account, newest first.
func (c *Catalogue) Tokens(ctx context.Context, a *Account) (list []Token, err error) {
	err = c.reading(ctx).rows("SELECT id, name, scope, created, COALESCE(expires, 0), COALESCE(used, 0) FROM tokens WHERE account_id = ? ORDER BY id DESC", []any{a.ID}, func(scan func(...any) error) error {
		var t Token
		var scope string
		if err := scan(&t.ID, &t.Name, &scope, timeColumn{&t.Created}, timeColumn{&t.Expires}, timeColumn{&t.Used}); err != nil {
			return err
		}
		var err error
		t.Scope, err = ParseRight(scope)
		list = append(list, t)
		return err
	})
	return list, wrap(err, "tokens of %s", a.Name)
}

// RevokeToken ends a token of an account; ErrNotFound.
func (c *Catalogue) RevokeToken(ctx context.Context, a *Account, id int64) error {
	return wrap(c.update(ctx, func(q queries) error {
		n, err := q.exec("DELETE FROM tokens WHERE id = ? AND account_id = ?", id, a.ID)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return c.audit(q, a.Name, "revoke", a.Name, fmt.Sprint(id))
	}), "ending token %d of %s", id, a.Name)
}

// Authenticate tells whose token it is; ErrUnauthenticated for one that is wrong or has expired.
func (c *Catalogue) Authenticate(ctx context.Context, token string) (Caller, error) {
	var account, expires, used int64
	var name, scope string
	hash := hashOf(token)
	q := c.reading(ctx)
	err := q.row("SELECT account_id, name, scope, COALESCE(expires, 0), COALESCE(used, 0) FROM tokens WHERE hash = ?", []any{hash}, &account, &name, &scope, &expires, &used)
	if errors.Is(err, ErrNotFound) || err == nil && expires != 0 && when(expires).Before(c.now()) {
		return Caller{}, hint.Errorf("make a new one", "the token is wrong or has expired: %w", ErrUnauthenticated)
	}
	if err != nil {
		return Caller{}, wrap(err, "looking for a token")
	}
	a, err := c.account(q, "id = ?", account, name)
	if err != nil {
		return Caller{}, err
	}
	if a.Disabled {
		return Caller{}, hint.Errorf("ask who runs this market", "the account %s is disabled: %w", a.Name, ErrUnauthenticated)
	}
	if c.now().Sub(when(used)) > time.Hour { // not with every request: it is a write
		if err := c.update(ctx, func(q queries) error {
			_, err := q.exec("UPDATE tokens SET used = ? WHERE hash = ?", stamp(c.now()), hash)
			return err
		}); err != nil {
			return Caller{}, wrap(err, "noting the use of a token")
		}
	}
	right, err := ParseRight(scope)
	return Caller{Account: a, Scope: right, Token: name}, err
}
