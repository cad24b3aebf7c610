package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func marketMirrorCommand(term *terminal) *cobra.Command {
	var o client.MirrorOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "mirror FROM TO",
		Short: "Copy packages between markets, OCI registries and hubs",
		Long: `Copy all versions of a package, or chosen ones, from one place to another:

  market://owner/name          the market that you are logged in to
  market://HOST:PORT/owner/name  another one
  oci://HOST/name:tag          any OCI registry
  hf://owner/name@revision     a hub that answers as Hugging Face's does, at HF_ENDPOINT; hf://datasets/owner/name
  hf://HOST:PORT/owner/name    another hub

Between markets and registries, digests stay as they are, and what refers to a package, such as a signature, goes with
it. Only what the other side lacks is sent; after an interruption the same command goes on. Who is asking is known by
--from-token and --to-token (of a registry USER:PASSWORD), else by the login to a market, by what docker login has kept
(in its file or with a credential helper), and by HF_TOKEN, for the hub of HF_ENDPOINT alone.`,
		Args: exactly(2, "two places, as in market://owner/name oci://HOST/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := client.ParsePlace(args[0])
			if err != nil {
				return usageError{err}
			}
			to, err := client.ParsePlace(args[1])
			if err != nil {
				return usageError{err}
			}
			o.Watch = transfer(term, "copying")
			m, err := client.Mirror(cmd.Context(), from, to, o)
			term.endStage()
			if err != nil && !errors.Is(err, client.ErrRefused) {
				return err
			}
			if asJSON {
				return errors.Join(term.printJSON(m), err)
			}
			printMirrored(term, m)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.Tags, "tags", nil, "versions, channels and tags to copy, or patterns such as '1.*'; all if not given")
	flags.StringVar(&o.FromToken, "from-token", "", "token for the place to copy from")
	flags.StringVar(&o.ToToken, "to-token", "", "token for the place to copy to")
	flags.BoolVar(&o.DryRun, "dry-run", false, "say what would be copied, and send nothing")
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func printMirrored(term *terminal, m *client.Mirrored) {
	for _, v := range m.Versions {
		fmt.Fprintf(term.out, "%-16s %-8s %s\n", v.Tag, v.State, cmp.Or(v.Reason, v.Digest.String()))
	}
	for _, r := range m.Refers {
		state := "copied"
		if r.Reason != "" {
			state = "refused"
		}
		fmt.Fprintf(term.out, "%-16s %-8s %s\n", "refers to "+shortDigest(r.Subject.String()), state, cmp.Or(r.Reason, r.Digest.String()))
	}
	verb := "copied"
	if m.DryRun {
		verb = "to be copied"
	}
	fmt.Fprintf(term.out, "%d files %s (%s)\n", m.Copied, verb, size.Bytes(m.Bytes))
}
