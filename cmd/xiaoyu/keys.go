package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func keysCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Public keys of accounts on a market, by which signatures of packages are checked",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(keysAddCommand(term), keysListCommand(term), keysRemoveCommand(term))
	return cmd
}

// ownerFlag is whose keys they are: those of who is logged in, if nobody else is named.
type ownerFlag struct {
	clientFlags
	owner string
}

func (f *ownerFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.owner, "owner", "", "account or organisation whose keys they are; otherwise yours")
	f.clientFlags.add(cmd)
}

func (f *ownerFlag) open(cmd *cobra.Command) (*client.Client, string, error) {
	c, err := f.client()
	if err != nil || f.owner != "" {
		return c, f.owner, err
	}
	who, err := c.WhoAmI(cmd.Context())
	if err != nil {
		return nil, "", fmt.Errorf("asking %s: %w", c.Market(), err)
	}
	return c, who.Name, nil
}

func keysAddCommand(term *terminal) *cobra.Command {
	var f ownerFlag
	var name string
	cmd := &cobra.Command{
		Use:   "add FILE.pub",
		Short: "Give your account a public key (a PEM file); the token needs the scope admin",
		Args:  exactly(1, "the file of a public key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return hint.Wrap(err, "name the public half of a key; `xiaoyu sign --new-key FILE` makes one", "adding a key")
			}
			c, owner, err := f.open(cmd)
			if err != nil {
				return err
			}
			if err := c.AddKey(cmd.Context(), owner, text, cmp.Or(name, filepath.Base(args[0]))); err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(map[string]any{"owner": owner, "added": args[0]})
			}
			fmt.Fprintf(term.out, "%s has the key %s now; sign with its private half: xiaoyu push FOLDER OWNER/NAME --sign KEY\n", owner, args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what you call the key; otherwise the file's name")
	f.add(cmd)
	return cmd
}

func keysListCommand(term *terminal) *cobra.Command {
	var f ownerFlag
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the keys of an account",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, owner, err := f.open(cmd)
			if err != nil {
				return err
			}
			list, err := c.Keys(cmd.Context(), owner)
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(list)
			}
			for _, k := range list {
				fmt.Fprintf(term.out, "%s  %s  %s\n", k.Fingerprint, k.Added.Local().Format(time.DateOnly), k.Name)
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func keysRemoveCommand(term *terminal) *cobra.Command {
	var f ownerFlag
	cmd := &cobra.Command{
		Use:   "remove FINGERPRINT",
		Short: "Take a key away: signatures by it count no longer",
		Args:  exactly(1, "the fingerprint of a key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, owner, err := f.open(cmd)
			if err != nil {
				return err
			}
			if err := c.RemoveKey(cmd.Context(), owner, args[0]); err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(map[string]any{"owner": owner, "removed": args[0]})
			}
			fmt.Fprintf(term.out, "%s has the key %.16s… no longer\n", owner, args[0])
			return nil
		},
	}
	f.add(cmd)
	return cmd
}
