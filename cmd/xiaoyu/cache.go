package main

import (
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func cacheCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "What was pulled from markets: list, prune, verify",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(cacheListCommand(term), cachePruneCommand(term), cacheVerifyCommand(term))
	return cmd
}

func cacheListCommand(term *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the packages that were pulled by market://, the one used last first",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := client.OpenCache("")
			if err != nil {
				return err
			}
			list, err := c.List()
			if err != nil {
				return err
			}
			if asJSON {
				if list == nil {
					list = []client.Cached{}
				}
				return term.printJSON(list)
			}
			for _, p := range list {
				fmt.Fprintf(term.out, "%-40s %-12s %10s  %s  %s  %s\n", p.Name, p.Kind, size.Bytes(p.Size), p.Used.Local().Format(time.DateOnly), shortDigest(p.Digest.String()), p.Market)
			}
			if len(list) == 0 {
				fmt.Fprintf(term.out, "no packages in %s\n", c.Dir())
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func cachePruneCommand(term *terminal) *cobra.Command {
	var asJSON bool
	var unused string
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove packages that were not used for a time, and files that none has",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var since time.Duration
			if unused != "0" {
				var err error
				if since, err = parseDays(unused); err != nil {
					return usageError{err}
				}
			}
			c, err := client.OpenCache("")
			if err != nil {
				return err
			}
			p, err := c.Prune(cmd.Context(), time.Now().Add(-since))
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(p)
			}
			fmt.Fprintf(term.out, "%d packages and %d files removed (%s)\n", p.Packages, p.Blobs, size.Bytes(p.Bytes))
			return nil
		},
	}
	cmd.Flags().StringVar(&unused, "unused", "30d", "for how long they were not used, such as 30d or 12h; 0 for all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was removed as JSON")
	return cmd
}

func cacheVerifyCommand(term *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare every file of the cache with its digest; damaged ones are removed. Ends with 3 where there were some",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := client.OpenCache("")
			if err != nil {
				return err
			}
			term.Stage("reading", 0, "kB")
			bad, err := c.Verify(cmd.Context(), func(n int64) { term.Progress(n/1000, "") })
			term.endStage()
			if err != nil {
				return err
			}
			if asJSON {
				if bad == nil {
					bad = []digest.Digest{}
				}
				err = term.printJSON(map[string]any{"damaged": bad})
			} else {
				fmt.Fprintf(term.out, "%d damaged files\n", len(bad))
			}
			if err == nil && len(bad) > 0 {
				err = exitCode(3)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
	return cmd
}
