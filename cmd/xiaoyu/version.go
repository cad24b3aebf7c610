package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

func versionCommand(term *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and the kernel that this processor runs",
		Args:  exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return term.printJSON(map[string]string{"version": xiaoyu.Version(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "kernel": kernel.Name()})
			}
			fmt.Fprintf(term.out, "xiaoyu %s, %s, %s/%s, kernel %s\n", xiaoyu.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, kernel.Name())
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
