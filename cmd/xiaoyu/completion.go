package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

// A shell waits for what it completes: the market has this long to answer.
const completing = time.Second

// completePackage completes the argument at a place as the name of a package, and behind a colon as one of its versions:
// from the cache and from the market, if that answers in time. Who types is not told of errors.
func completePackage(f *clientFlags, at int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) < at {
			return nil, cobra.ShellCompDirectiveDefault // a folder
		}
		if len(args) > at {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, stop := context.WithTimeout(cmd.Context(), completing)
		defer stop()
		var list []string
		if name, _, ok := strings.Cut(begun, ":"); ok {
			list = versionsOf(ctx, f, name)
		} else {
			list = append(cachedNames(), foundNames(ctx, f, begun)...)
		}
		list = slices.DeleteFunc(list, func(s string) bool { return !strings.HasPrefix(s, begun) })
		slices.Sort(list)
		return slices.Compact(list), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// cachedNames are those of packages in the cache.
func cachedNames() (names []string) {
	cache, err := client.OpenCache("")
	if err != nil {
		return nil
	}
	list, err := cache.List()
	if err != nil {
		return nil
	}
	for _, c := range list {
		names = append(names, c.Name)
	}
	return names
}

// foundNames are names that the market knows and that may begin so.
func foundNames(ctx context.Context, f *clientFlags, begun string) (names []string) {
	c, err := f.client()
	if err != nil {
		return nil
	}
	s := client.Search{Text: begun, Limit: 50}
	if owner, name, ok := strings.Cut(begun, "/"); ok {
		s.Text, s.Facets = name, map[string]string{"owner": owner}
		if len(name) < 2 { // too little to search for
			s.Text = ""
		}
	}
	found, err := c.Search(ctx, s)
	if err != nil || found.Instead != "" {
		return nil
	}
	for _, p := range found.Packages {
		names = append(names, p.Name)
	}
	return names
}

func versionsOf(ctx context.Context, f *clientFlags, name string) (list []string) {
	c, err := f.client()
	if err != nil {
		return nil
	}
	p, err := c.Info(ctx, name, "")
	if err != nil {
		return nil
	}
	for _, v := range p.Versions {
		if v.State != "yanked" {
			list = append(list, name+":"+v.Name)
		}
	}
	return list
}
