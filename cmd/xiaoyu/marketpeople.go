package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/mail"
	"github.com/xiaoyu-slm/xiaoyu/market/oidc"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// secretVariable holds the market's secret at its provider of OpenID Connect: other users of a machine see what stands on a
// command line.
const secretVariable = "XIAOYU_OIDC_SECRET"

// mailVariable holds the password of the market's user at its mail server, for the same reason.
const mailVariable = "XIAOYU_SMTP_PASSWORD"

// peopleFlags say who may do what on a market that is served, and how much.
type peopleFlags struct {
	signUp                   string
	issuer, client, name     string
	vouches                  bool
	file, version, ownerSize string
	packages, burst          int
	rate                     float64
	request                  string
	proxies                  []string
	smtp, from, url          string
	reviewAge                time.Duration
	reviewBurst              int
	reviewMailbox            bool
}

func (f *peopleFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.signUp, "signup", "invite", "who may sign up in a browser: open (anybody), invite (whoever has an invitation), closed (nobody)")
	flags.StringVar(&f.issuer, "oidc-issuer", "", "provider of OpenID Connect that people may sign in by; it sends them back to /login/oidc/callback")
	flags.StringVar(&f.client, "oidc-client", "", "the market's client id there; its secret is read from $"+secretVariable)
	flags.StringVar(&f.name, "oidc-name", "", "what people call the provider; its host if empty")
	flags.BoolVar(&f.vouches, "oidc-signup", false, "whom the provider knows may sign up without an invitation")
	flags.StringVar(&f.file, "max-file", "", "largest file, such as 10GB; no limit if empty")
	flags.StringVar(&f.version, "max-package", "", "largest package, such as 20GB; no limit if empty")
	flags.StringVar(&f.ownerSize, "quota", "", "what all files of an owner may take, such as 50GB; no limit if empty")
	flags.IntVar(&f.packages, "quota-packages", 0, "how many packages an owner may have; 0 is no limit")
	flags.Float64Var(&f.rate, "rate", 0, "requests that an address may send a second; 0 is no limit")
	flags.IntVar(&f.burst, "burst", 0, "requests that it may send at once; those of ten seconds if 0")
	flags.StringVar(&f.request, "max-request", "", "largest request, such as 1GB; no limit if empty")
	flags.StringVar(&f.smtp, "smtp", "", "mail server for links to people who have forgotten their passwords or confirm their addresses, as smtp://user@host:587 or smtps://user@host; the password is read from $"+mailVariable)
	flags.StringVar(&f.from, "mail-from", "", "sender of that mail, such as market@example.org")
	flags.StringVar(&f.url, "url", "", "address of the market in that mail, such as https://market.example.org")
	flags.DurationVar(&f.reviewAge, "review-age", 24*time.Hour, "how old an account has to be before its ratings are shown")
	flags.IntVar(&f.reviewBurst, "review-burst", 20, "ratings of a package within an hour, above which they wait for a moderator; 0 for any number")
	flags.BoolVar(&f.reviewMailbox, "review-mailbox", true, "where there is mail and people sign up: ratings wait until their account has confirmed a mail address, or is linked to a provider")
	flags.StringSliceVar(&f.proxies, "trusted-proxies", nil, "addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed, or none; this machine if empty")
}

// apply puts what the flags say into a market's options.
func (f *peopleFlags) apply(o *market.Options) error {
	modes := map[string]web.SignUp{"open": web.Open, "invite": web.Invited, "closed": web.Closed}
	mode, ok := modes[f.signUp]
	if !ok {
		return usageError{hint.Errorf("it is open, invite or closed", "--signup %q is unknown", f.signUp)}
	}
	o.Web.SignUp, o.Web.Vouches = mode, f.vouches
	for _, s := range []struct {
		flag, text string
		into       *int64
	}{{"max-file", f.file, &o.Quota.File}, {"max-package", f.version, &o.Quota.Package}, {"quota", f.ownerSize, &o.Quota.OwnerBytes}, {"max-request", f.request, &o.MaxRequest}} {
		n, err := parseBytes(s.text)
		if err != nil {
			return usageError{hint.Wrap(err, "", "--%s", s.flag)}
		}
		*s.into = n
	}
	if f.packages < 0 || f.rate < 0 || f.burst < 0 {
		return usageError{hint.Errorf("write a number from 0 on", "--quota-packages, --rate and --burst are not negative")}
	}
	o.Quota.OwnerPackages, o.Rate, o.Burst = f.packages, f.rate, f.burst
	if o.Burst == 0 {
		o.Burst = int(10 * f.rate)
	}
	if f.reviewAge < 0 || f.reviewBurst < 0 {
		return usageError{hint.Errorf("write a number from 0 on", "--review-age and --review-burst are not negative")}
	}
	o.Reviews = catalogue.ReviewRules{Age: cmp.Or(f.reviewAge, -1), Burst: cmp.Or(f.reviewBurst, -1)}
	var err error
	if o.Proxies, err = parseNetworks(f.proxies); err != nil {
		return err
	}
	if err := f.applyMail(o); err != nil {
		return usageError{err}
	}
	o.Reviews.Mailbox = f.reviewMailbox && o.Web.Mailer != nil && mode != web.Closed
	if f.issuer == "" {
		return nil
	}
	o.Web.Provider, err = oidc.New(oidc.Options{Issuer: f.issuer, ClientID: f.client, Secret: os.Getenv(secretVariable), Name: f.name})
	if err != nil {
		return usageError{hint.Wrap(err, "", "--oidc-issuer and --oidc-client")}
	}
	return nil
}

// applyMail puts what the flags say of mail into a market's options.
func (f *peopleFlags) applyMail(o *market.Options) error {
	if f.smtp == "" && f.from == "" {
		return nil
	}
	if f.smtp == "" || f.from == "" || f.url == "" {
		return hint.Errorf("pass all of --smtp, --mail-from and --url, or none", "mail needs a server, a sender and the market's address")
	}
	address, err := client.Address(f.url)
	if err != nil {
		return hint.Wrap(err, "", "--url")
	}
	m, err := mail.New(mail.Options{Server: f.smtp, From: f.from, Password: os.Getenv(mailVariable)})
	if err != nil {
		return hint.Wrap(err, "", "--smtp and --mail-from")
	}
	o.Web.Mailer, o.Web.URL = m, address.String()
	return nil
}

// parseNetworks reads addresses and networks; nil for none, an empty list for the word none.
func parseNetworks(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		if text == "none" && len(list) == 1 {
			return []netip.Prefix{}, nil
		}
		p, err := netip.ParsePrefix(text)
		if a, addressErr := netip.ParseAddr(text); addressErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, usageError{hint.Errorf("write it as in 10.0.0.0/8 or 10.0.0.1", "--trusted-proxies: %q is no address", text)}
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// units of bytes, as they are written; without i they are powers of ten.
var units = map[string]int64{"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}

// parseBytes reads a number of bytes such as 10GB or 1.5GiB; 0 for "".
func parseBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number := strings.TrimRightFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	n, err := strconv.ParseFloat(number, 64)
	unit, ok := units[strings.ToUpper(strings.TrimSpace(text[len(number):]))]
	if err != nil || !ok || n <= 0 || n*float64(unit) >= 1<<62 || n*float64(unit) < 1 {
		return 0, hint.Errorf("write it as in 500MB, 10GB or 1.5GiB", "%q is no number of bytes", text)
	}
	return int64(n * float64(unit)), nil
}

func marketUsersCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the accounts of a market: people and organisations",
		Args:  exactly(0, "no arguments"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, _ []string) error {
			list, err := d.Catalogue.Accounts(ctx)
			if err != nil {
				return err
			}
			out := []map[string]any{}
			for _, a := range list {
				u, err := d.Catalogue.Usage(ctx, a.ID)
				if err != nil {
					return err
				}
				out = append(out, map[string]any{"name": a.Name, "full_name": a.FullName, "email": a.Email, "organisation": a.Organisation, "operator": a.Operator, "moderator": a.Moderator, "disabled": a.Disabled, "created": a.Created, "bytes": u.Bytes, "packages": u.Packages})
			}
			if asJSON {
				return term.printJSON(out)
			}
			for i, a := range list {
				kind := ""
				for _, k := range []struct {
					is   bool
					word string
				}{{a.Organisation, "organisation"}, {a.Operator, "operator"}, {a.Moderator, "moderator"}, {a.Disabled, "disabled"}} {
					if k.is {
						kind = strings.TrimPrefix(kind+", "+k.word, ", ")
					}
				}
				fmt.Fprintf(term.out, "%-24s %4d packages  %s  %s\n", a.Name, out[i]["packages"], a.Created.Format(time.DateOnly), kind)
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	f.add(cmd)
	return cmd
}

// onAccount opens a market's data and does something to an account.
func (f *marketFlags) onAccount(cmd *cobra.Command, name string, do func(*catalogue.Catalogue, *catalogue.Account) error) error {
	d, err := f.open(cmd.Context())
	if err != nil {
		return err
	}
	defer d.Close()
	a, err := d.Catalogue.Account(cmd.Context(), name)
	if err != nil {
		return err
	}
	return do(d.Catalogue, a)
}

func marketPasswordCommand(term *terminal) *cobra.Command {
	var f marketFlags
	cmd := &cobra.Command{
		Use:   "password NAME",
		Short: "Give an account a new password, from the terminal or standard input; its browsers are signed out",
		Args:  exactly(1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onAccount(cmd, args[0], func(c *catalogue.Catalogue, a *catalogue.Account) error {
				password, err := readSecret(term, "new password of "+a.Name+": ")
				if err == nil {
					err = c.SetPassword(cmd.Context(), a, password)
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(term.out, "%s has a new password\n", a.Name)
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}

func marketResetCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var address string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reset NAME",
		Short: "Make a link by which somebody chooses another password, once, within a day, and print it; it is not kept and cannot be shown again",
		Args:  exactly(1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onAccount(cmd, args[0], func(c *catalogue.Catalogue, a *catalogue.Account) error {
				code, err := c.CreateReset(cmd.Context(), "", a, catalogue.MadeResetLasts)
				if err != nil {
					return err
				}
				if asJSON {
					return term.printJSON(map[string]any{"name": a.Name, "code": code, "path": "/password/" + code, "expires": time.Now().Add(catalogue.MadeResetLasts).UTC()})
				}
				fmt.Fprintln(term.out, strings.TrimSuffix(address, "/")+"/password/"+code)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&address, "url", "http://127.0.0.1:8088", "address of the market, for the link")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	f.add(cmd)
	return cmd
}

func marketDisableCommand(term *terminal, disabled bool) *cobra.Command {
	var f marketFlags
	use, short, done := "enable", "Let an account in again that was disabled", "enabled"
	if disabled {
		use, short, done = "disable", "Keep an account out, with its tokens and sessions; what it has published stays", "disabled"
	}
	cmd := &cobra.Command{
		Use:   use + " NAME",
		Short: short,
		Args:  exactly(1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onAccount(cmd, args[0], func(c *catalogue.Catalogue, a *catalogue.Account) error {
				if err := c.SetDisabled(cmd.Context(), "", a, disabled); err != nil {
					return err
				}
				fmt.Fprintf(term.out, "%s is %s\n", a.Name, done)
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}

func marketModeratorCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var undo, asJSON bool
	cmd := &cobra.Command{
		Use:   "moderator NAME",
		Short: "Make somebody a moderator, who decides about what people report",
		Long: `Make somebody a moderator: who sees what was reported, held back or appealed against, takes it down and shows it again, on
pages and by moderate commands, and reads packages that are down. A moderator decides nothing about his own words and
packages, and has no say in accounts, benchmarks, settings or what is private; that is for operators. --undo takes it back.`,
		Args: exactly(1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onAccount(cmd, args[0], func(c *catalogue.Catalogue, a *catalogue.Account) error {
				if err := c.SetModerator(cmd.Context(), "", a, !undo); err != nil {
					return err
				}
				if asJSON {
					return term.printJSON(map[string]any{"name": a.Name, "moderator": !undo})
				}
				is := "is a moderator"
				if undo {
					is = "is no moderator"
				}
				fmt.Fprintf(term.out, "%s %s\n", a.Name, is)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "take it back")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	f.add(cmd)
	return cmd
}

func marketInviteCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var note, address string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Make an invitation by which one person can sign up, and print it; it is not kept and cannot be shown again",
		Args:  exactly(0, "no arguments"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, _ []string) error {
			code, err := d.Catalogue.Invite(ctx, catalogue.Caller{}, nil, catalogue.None, note)
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(map[string]any{"code": code, "path": "/join/" + code, "expires": time.Now().Add(catalogue.InvitationLasts).UTC()})
			}
			fmt.Fprintln(term.out, strings.TrimSuffix(address, "/")+"/join/"+code)
			return nil
		}),
	}
	cmd.Flags().StringVar(&note, "note", "", "for whom it is")
	cmd.Flags().StringVar(&address, "url", "http://127.0.0.1:8088", "address of the market, for the link")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	f.add(cmd)
	return cmd
}

func marketAuditCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var owner string
	var q catalogue.AuditQuery
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who has done what on a market, newest first",
		Args:  exactly(0, "no arguments"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, _ []string) error {
			if owner != "" {
				of, err := d.Catalogue.Account(ctx, owner)
				if err != nil {
					return err
				}
				q.Owner = of
			}
			list, err := d.Catalogue.AuditLog(ctx, catalogue.Caller{}, q)
			if err != nil {
				return err
			}
			if asJSON {
				out := []map[string]any{}
				for _, e := range list {
					out = append(out, map[string]any{"id": e.ID, "at": e.At, "actor": e.Actor, "action": e.Action, "object": e.Object, "detail": e.Detail})
				}
				return term.printJSON(out)
			}
			for _, e := range list {
				actor := e.Actor
				if actor == "" {
					actor = "-"
				}
				fmt.Fprintf(term.out, "%s  %-16s %-14s %s  %s\n", e.At.Format("2006-01-02 15:04:05"), actor, e.Action, e.Object, e.Detail)
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&owner, "owner", "", "what was done to this account and its packages alone")
	cmd.Flags().StringVar(&q.Actor, "by", "", "what this account has done alone")
	cmd.Flags().IntVar(&q.Limit, "limit", 100, "how many entries")
	cmd.Flags().Int64Var(&q.Before, "before", 0, "older entries than the one with this id")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	f.add(cmd)
	return cmd
}
