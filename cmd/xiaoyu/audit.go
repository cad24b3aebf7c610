package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

// audited is a package that was looked up.
type audited struct {
	*client.Standing
	Dir    string `json:"dir,omitempty"`
	NeedOf string `json:"need_of,omitempty"` // the application that needs it
	Absent bool   `json:"absent,omitempty"`  // the market does not know it any longer, or it may not be seen
}

func auditCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "audit [OWNER/NAME[:VERSION|@DIGEST]…]",
		Short: "Ask a market what is known to be wrong with packages: advisories, and versions that were taken back",
		Long: `Ask a market what is known to be wrong with packages: advisories, and versions that were taken back. Without a name, of
all that was pulled from it to this machine and is still there, in folders and in the cache, and of what applications
among them need. The exit code is 3 where something was found.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			list, err := audit(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			bad := 0
			for _, a := range list {
				if a.Absent || a.State != "" || len(a.Advisories) > 0 {
					bad++
				}
			}
			if f.asJSON {
				err = term.printJSON(map[string]any{"packages": list, "affected": bad})
			} else {
				printAudit(term, list, bad)
			}
			if err == nil && bad > 0 {
				err = exitCode(3)
			}
			return err
		},
	}
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 0)
	return cmd
}

func audit(ctx context.Context, c *client.Client, names []string) (list []audited, err error) {
	list = []audited{}
	ask := func(name, of, dir, needOf string) error {
		s, err := c.Standing(ctx, name, of)
		switch {
		case errors.Is(err, client.ErrNotFound) && len(names) == 0:
			list = append(list, audited{Standing: &client.Standing{Name: name, Digest: of, Advisories: []client.Advisory{}}, Dir: dir, NeedOf: needOf, Absent: true})
			return nil
		case err != nil:
			return fmt.Errorf("asking %s about %s: %w", c.Market(), name, err)
		}
		list = append(list, audited{Standing: s, Dir: dir, NeedOf: needOf})
		return nil
	}
	for _, name := range names {
		ref, err := client.ParseReference(name)
		if err != nil {
			return nil, usageError{err}
		}
		if err := ask(ref.Name, cmp.Or(ref.Digest.String(), ref.Tag, "latest"), "", ""); err != nil {
			return nil, err
		}
	}
	if len(names) > 0 {
		return list, nil
	}
	installed, err := c.Installed()
	if err != nil {
		return nil, err
	}
	for _, i := range installed {
		if err := ask(i.Name, i.Digest.String(), i.Dir, ""); err != nil {
			return nil, err
		}
		needs, err := i.Needs()
		if err != nil {
			return nil, err
		}
		for _, n := range needs {
			if err := ask(n.Package, n.Digest.String(), "", i.Name); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

func printAudit(term *terminal, list []audited, bad int) {
	for _, a := range list {
		where := a.Dir
		if a.NeedOf != "" {
			where = "needed by " + a.NeedOf
		}
		name := a.Name
		if len(a.Versions) > 0 {
			name += ":" + a.Versions[0]
		}
		if !a.Absent && a.State == "" && len(a.Advisories) == 0 {
			continue
		}
		fmt.Fprintln(term.out, strings.TrimRight(name+"  "+where, " "))
		if a.Absent {
			fmt.Fprintln(term.out, "  it is not on the market any longer, or you may not see it")
		}
		if a.State != "" {
			successor := ""
			if a.Successor != "" {
				successor = "; take " + a.Successor
			}
			fmt.Fprintf(term.out, "  %s: %s%s\n", a.State, a.Reason, successor)
		}
		for _, v := range a.Advisories {
			fmt.Fprintf(term.out, "  %s\n", v.Sentence())
			printIndented(term, "    ", v.Text)
		}
	}
	fmt.Fprintf(term.out, "packages looked up: %d; something is known against %d\n", len(list), bad)
}

func advisoryCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "advisory",
		Short: "Security advisories about packages of yours: `xiaoyu pull` and `xiaoyu audit` show them",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var f clientFlags
	var a client.NewAdvisory
	add := &cobra.Command{
		Use:   "add OWNER/NAME --title WHAT --affected VERSIONS",
		Short: "Publish an advisory about versions of a package",
		Args:  exactly(1, "owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := packageName(args[0])
			if err == nil && (a.Title == "" || a.Affected == "") {
				err = usageError{hint.Errorf("pass --title and --affected", "it is not said what is dangerous about which versions")}
			}
			if err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			made, err := c.Advise(cmd.Context(), name, a)
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"id": made.ID, "package": made.Package, "severity": made.Severity, "affected": made.Affected}, "advisory %d is published", made.ID)
		},
	}
	add.Flags().StringVar(&a.Severity, "severity", "high", "low, medium, high or critical")
	add.Flags().StringVar(&a.Title, "title", "", "what is dangerous, in a few words")
	add.Flags().StringVar(&a.Text, "text", "", "more about it")
	add.Flags().StringVar(&a.Affected, "affected", "", `versions, as in ">=1.0.0 <1.2.0 || 2.0.0", or * for all`)
	add.Flags().StringVar(&a.Fixed, "fixed", "", "version to take instead")
	f.add(add)
	var g clientFlags
	withdraw := &cobra.Command{
		Use:   "withdraw OWNER/NAME NUMBER",
		Short: "Say that an advisory no longer holds",
		Args:  exactly(2, "owner/name and the number of an advisory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := packageName(args[0])
			if err != nil {
				return err
			}
			id, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return usageError{hint.Errorf("`xiaoyu audit "+name+"` shows them", "%q is no number of an advisory", args[1])}
			}
			c, err := g.client()
			if err == nil {
				err = c.WithdrawAdvisory(cmd.Context(), name, id)
			}
			if err != nil {
				return err
			}
			return g.done(term, map[string]any{"id": id, "withdrawn": true}, "advisory %d is withdrawn", id)
		},
	}
	g.add(withdraw)
	cmd.AddCommand(add, withdraw)
	return cmd
}
