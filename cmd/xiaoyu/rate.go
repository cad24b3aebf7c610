package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func rateCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var text string
	var undo bool
	cmd := &cobra.Command{
		Use:   "rate OWNER/NAME[:VERSION] STARS",
		Short: "Say on a market what you think of a package that you have installed: one to five stars, and a review",
		Long: `Say on a market what you think of a package: one to five stars, and a review if you like. It is of a version that you
have installed with this account; without a version, of the one that you installed last. Of what you say of several
versions the newest counts. --undo takes it back.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if undo {
				return exactly(1, "owner/name or owner/name:version")(cmd, args)
			}
			return exactly(2, "owner/name and a number of stars from 1 to 5")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := client.ParseReference(args[0])
			if err != nil {
				return usageError{err}
			}
			version := of.Tag
			if of.Digest != "" {
				version = of.Digest.String()
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			if undo {
				if err := c.Unrate(cmd.Context(), of.Name, version); err != nil {
					return err
				}
				return f.done(term, map[string]any{"name": of.Name, "undone": true}, "your rating of %s is taken back", of)
			}
			stars, err := strconv.Atoi(args[1])
			if err != nil || stars < 1 || stars > 5 {
				return usageError{hint.Errorf("write a number from 1 to 5", "%q is no number of stars", args[1])}
			}
			v, err := c.Rate(cmd.Context(), of.Name, client.NewReview{Version: version, Stars: stars, Text: text})
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(v)
			}
			fmt.Fprintf(term.out, "you gave %s:%s %s\n", of.Name, v.Version, starsOf(v.Stars))
			if v.State == "held" {
				term.Note("note: %s", heldNote(v))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&text, "review", "", "what you think, in plain text, for everybody who sees the package")
	cmd.Flags().BoolVar(&undo, "undo", false, "take back what you said, of the version or of the one that you rated last")
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 0)
	return cmd
}

func starsOf(n int) string { return strings.Repeat("★", n) + strings.Repeat("☆", max(5-n, 0)) }

// heldNote says why a review is not shown yet.
func heldNote(v *client.Review) string {
	why := map[string]string{"young": "your account is new", "burst": "many ratings of this package came at once", "many": "you have rated many packages at once",
		"address": "several accounts at one network address rate this package"}[v.Reason]
	if v.Reason == "mailbox" {
		return "it is shown once you have confirmed your mail address, in the settings of your profile on the market's pages: one person has one account"
	}
	if v.Until.IsZero() {
		return "it is shown once a moderator has seen it: " + why
	}
	return "it is shown from " + v.Until.Local().Format("2006-01-02 15:04") + " on: " + why
}

func replyCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "reply OWNER/NAME NUMBER TEXT",
		Short: "Answer a review of a package on a market, as its publisher or as who wrote the review",
		Long: `Answer a review, by the number that reviews shows behind it. Who publishes the package answers for it; the author of the
review may answer too. The text is plain, for everybody who sees the package.`,
		Args: exactly(3, "owner/name, the number of a review, and a text"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := packageName(args[0])
			if err != nil {
				return err
			}
			review, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil || review < 1 {
				return usageError{hint.Errorf("`xiaoyu reviews "+name+"` shows them", "%q is no number of a review", args[1])}
			}
			c, err := f.client()
			if err == nil {
				err = c.ReplyTo(cmd.Context(), name, review, args[2])
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"package": name, "review": review, "text": args[2]}, "your reply to the review %d of %s is kept", review, name)
		},
	}
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 0)
	return cmd
}

func reviewsCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var s client.ReviewSearch
	var export bool
	cmd := &cobra.Command{
		Use:   "reviews OWNER/NAME",
		Short: "Show what people say of a package on a market, the newest first",
		Args:  exactly(1, "owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := packageName(args[0])
			if err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			if export {
				return c.ExportReviews(cmd.Context(), name, term.out)
			}
			list, err := c.Reviews(cmd.Context(), name, s)
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(list)
			}
			printReviews(term, list)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&s.Stars, "stars", 0, "only those with so many")
	cmd.Flags().IntVar(&s.Limit, "limit", 20, "how many, at most 100")
	cmd.Flags().Int64Var(&s.Before, "before", 0, "only those before the review with this number")
	cmd.Flags().BoolVar(&export, "export", false, "print all of them, a line of JSON each")
	cmd.ValidArgsFunction = completePackage(&f, 0)
	return cmd
}

func printReviews(term *terminal, list *client.Reviews) {
	if list.Ratings == 0 {
		fmt.Fprintln(term.out, "nobody has rated it yet")
	} else {
		fmt.Fprintf(term.out, "%.1f of 5 stars, from %d people\n", list.Rating, list.Ratings)
		for i := len(list.Stars) - 1; i >= 0; i-- {
			fmt.Fprintf(term.out, "  %s %6d\n", starsOf(i+1), list.Stars[i])
		}
	}
	for _, v := range list.Reviews {
		fmt.Fprintf(term.out, "\n%s  %s, %s, %s  (%d)\n", starsOf(v.Stars), v.Author, v.Version, v.Created.Local().Format(time.DateOnly), v.ID)
		printIndented(term, "  ", v.Text)
		for _, p := range v.Replies {
			publisher := ""
			if p.Publisher {
				publisher = ", for the publisher"
			}
			fmt.Fprintf(term.out, "    %s%s, %s  (%d)\n", p.Author, publisher, p.Created.Local().Format(time.DateOnly), p.ID)
			printIndented(term, "      ", p.Text)
		}
	}
	if list.More {
		term.Note("there are more; pass --before %d", list.Reviews[len(list.Reviews)-1].ID)
	}
}

// printIndented prints a text of somebody else's, line by line.
func printIndented(term *terminal, by, text string) {
	if text == "" {
		return
	}
	for line := range strings.Lines(text) {
		fmt.Fprintln(term.out, by+strings.TrimRight(line, "\r\n"))
	}
}
