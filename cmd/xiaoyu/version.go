package main

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

func versionCommand(term *terminal) *cobra.Command {
	var asJSON, kernels bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and the kernel that this processor runs",
		Args:  exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if kernels {
				return printKernels(term, asJSON)
			}
			if asJSON {
				return term.printJSON(map[string]string{"version": xiaoyu.Version(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "kernel": kernel.Name()})
			}
			fmt.Fprintf(term.out, "xiaoyu %s, %s, %s/%s, kernel %s\n", xiaoyu.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, kernel.Name())
			return nil
		},
	}
	cmd.Flags().BoolVar(&kernels, "kernels", false, "list the kernels of this program, which works here, and which is used and why")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// printKernels tests all variants of internal/kernel and prints one a line, the best first.
func printKernels(term *terminal, asJSON bool) error {
	list := kernel.Variants()
	slices.Reverse(list)
	if asJSON {
		return term.printJSON(list)
	}
	for _, v := range list {
		state := "works"
		switch {
		case v.Chosen:
			state = "in use: " + v.Why
		case !v.Available:
			state = "not usable: " + v.Why
		}
		fmt.Fprintf(term.out, "%-7s %s\n", v.Name, state)
	}
	return nil
}
