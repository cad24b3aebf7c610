package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func moderateCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "moderate",
		Short: "What people report on a market, and what is held back: for those who run it",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(moderateListCommand(term), moderateDecideCommand(term), moderateExportCommand(term), reportCommand(term), appealCommand(term))
	return cmd
}

// moderated names what is decided about, in the words that `moderate decide` takes.
func moderated(kind string, id int64, pkg string) string {
	if kind == "package" {
		return kind + " " + pkg
	}
	return fmt.Sprintf("%s %d of %s", kind, id, pkg)
}

func moderateListCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var decided bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what waits for a moderator: appeals, reports, and what is held; or --decided",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			if decided {
				list, err := c.Decisions(cmd.Context(), 0)
				if err != nil || f.asJSON {
					return errors.Join(err, term.printJSON(list))
				}
				for _, d := range list {
					fmt.Fprintf(term.out, "%d  %s  %s  %s by %s: %s: %s\n", d.ID, d.At.Local().Format("2006-01-02 15:04"), d.Moderator, moderated(d.Kind, d.Object, d.Package), d.Author, d.Action, d.Reason)
				}
				return nil
			}
			q, err := c.Queue(cmd.Context())
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(q)
			}
			for _, x := range q.Cases {
				fmt.Fprintf(term.out, "%s by %s  %s%s\n", moderated(x.Kind, x.ID, x.Package), x.Author, x.State, map[bool]string{true: ": " + x.Reason}[x.Reason != ""])
				printIndented(term, "  ", x.Text)
				for _, r := range x.Reports {
					fmt.Fprintf(term.out, "  reported by %s: %s\n", r.By, strings.ReplaceAll(r.Reason, "\n", " "))
				}
				if x.Appeal != "" {
					fmt.Fprintf(term.out, "  appeal: %s\n", strings.ReplaceAll(x.Appeal, "\n", " "))
				}
			}
			fmt.Fprintf(term.out, "%d wait\n", q.Waiting)
			return nil
		},
	}
	cmd.Flags().BoolVar(&decided, "decided", false, "what was decided, with reasons, instead")
	f.add(cmd)
	return cmd
}

func moderateDecideCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var d client.NewDecision
	cmd := &cobra.Command{
		Use:   "decide KIND NUMBER|OWNER/NAME down|show|dismiss --reason WHY",
		Short: "Decide about a review, a reply, a package, or all that is held of a package",
		Long: `Decide about a review or a reply by its number, a package by its name, or with the kind held about all reviews that are
held of a package. What is down is not shown any longer; show brings it back, or lets pass what was held; dismiss does
not follow reports or an appeal.`,
		Args: exactly(3, "a kind, a number or a name, and down, show or dismiss"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"review", "reply", "package", "held"}, args[0]) {
				return usageError{hint.Errorf("it is review, reply, package or held", "the kind %q", args[0])}
			}
			d.Action = args[2]
			if args[0] != "held" {
				d.Kind = args[0]
			}
			var err error
			if args[0] == "package" || args[0] == "held" {
				d.Package, err = packageName(args[1])
			} else if d.ID, err = strconv.ParseInt(args[1], 10, 64); err != nil {
				err = usageError{hint.Errorf("`xiaoyu moderate list` shows them", "%q is no number", args[1])}
			}
			if err != nil {
				return err
			}
			c, err := f.client()
			if err == nil {
				err = c.Decide(cmd.Context(), d)
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"kind": args[0], "of": args[1], "action": d.Action}, "%s %s: %s", args[0], args[1], d.Action)
		},
	}
	cmd.Flags().StringVar(&d.Reason, "reason", "", "why; its author reads it")
	f.add(cmd)
	return cmd
}

func moderateExportCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print all reviews, replies, reports, decisions and advisories of a market in any state, a line of JSON each",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			return c.ExportModeration(cmd.Context(), term.out)
		},
	}
	f.add(cmd)
	return cmd
}

func reportCommand(term *terminal) *cobra.Command {
	return complaintCommand(term, complaintUse{use: "report", short: "Tell moderators of a package, or with --review or --reply of what somebody says of it",
		reason: "what is wrong with it", done: "moderators are told of it", send: (*client.Client).Report})
}

func appealCommand(term *terminal) *cobra.Command {
	return complaintCommand(term, complaintUse{use: "appeal", short: "Say why what a moderator has taken down of yours should be shown: a package, or with --review or --reply what you said",
		reason: "why it should be shown", done: "another moderator will look at it, where there is one", send: (*client.Client).Appeal})
}

// complaintUse is how a command says something to moderators.
type complaintUse struct {
	use, short, reason, done string
	send                     func(*client.Client, context.Context, string, client.Complaint) error
}

func complaintCommand(term *terminal, u complaintUse) *cobra.Command {
	var f clientFlags
	var about client.Complaint
	var review, reply int64
	cmd := &cobra.Command{
		Use:   u.use + " OWNER/NAME --reason WHY",
		Short: u.short,
		Args:  exactly(1, "owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := packageName(args[0])
			if err != nil {
				return err
			}
			about.Kind = "package"
			if review > 0 {
				about.Kind, about.ID = "review", review
			} else if reply > 0 {
				about.Kind, about.ID = "reply", reply
			}
			c, err := f.client()
			if err == nil {
				err = u.send(c, cmd.Context(), name, about)
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"package": name, "kind": about.Kind, "id": about.ID}, "%s", u.done)
		},
	}
	cmd.Flags().StringVar(&about.Reason, "reason", "", u.reason)
	cmd.Flags().Int64Var(&review, "review", 0, "number of a review, as `xiaoyu reviews` shows it")
	cmd.Flags().Int64Var(&reply, "reply", 0, "number of a reply")
	cmd.MarkFlagsMutuallyExclusive("review", "reply")
	f.add(cmd)
	return cmd
}
