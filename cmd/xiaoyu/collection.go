package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func collectionCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "collection",
		Short: "Collections of packages on a market: lists that people put together, with a note beside each package",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(collectionListCommand(term), collectionShowCommand(term), collectionCreateCommand(term), collectionSetCommand(term), collectionAddCommand(term), collectionRemoveCommand(term), collectionDeleteCommand(term))
	return cmd
}

// collectionName reads owner/name of a collection.
func collectionName(text string) (string, error) {
	owner, name, ok := strings.Cut(text, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return "", usageError{hint.Errorf("write owner/name, as `xiaoyu collection list` does", "%q is no collection", text)}
	}
	return text, nil
}

func collectionListCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var s client.CollectionSearch
	cmd := &cobra.Command{
		Use:   "list [WORDS…]",
		Short: "List collections, the last changed first: all, or those with these words in title or description",
		RunE: func(cmd *cobra.Command, args []string) error {
			s.Text = strings.Join(args, " ")
			c, err := f.client()
			if err != nil {
				return err
			}
			found, err := c.Collections(cmd.Context(), s)
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(found)
			}
			if len(found.Collections) == 0 {
				fmt.Fprintln(term.out, "no collections")
			}
			for _, l := range found.Collections {
				fmt.Fprintf(term.out, "%-32s %4d  %s%s\n", l.Name, l.Count, l.Title, privateMark(l.Private))
			}
			if found.More {
				term.Note("there are more; pass --offset %d", s.Offset+len(found.Collections))
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&s.Owner, "owner", "", "only those of a person or an organisation")
	cmd.Flags().StringVar(&s.Package, "package", "", "only those that have a package, owner/name")
	cmd.Flags().IntVar(&s.Limit, "limit", 20, "how many, at most 100")
	cmd.Flags().IntVar(&s.Offset, "offset", 0, "how many to pass over")
	return cmd
}

func privateMark(private bool) string {
	if private {
		return "  (private)"
	}
	return ""
}

func collectionShowCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "show OWNER/NAME",
		Short: "Show a collection: its packages in their order, with their notes",
		Args:  exactly(1, "a collection, owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := collectionName(args[0])
			if err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			l, err := c.Collection(cmd.Context(), name)
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(l)
			}
			printCollection(term, l)
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func printCollection(term *terminal, l *client.Collection) {
	fmt.Fprintf(term.out, "%s  %s%s\n", l.Name, l.Title, privateMark(l.Private))
	if l.Description != "" {
		fmt.Fprintln(term.out, l.Description)
	}
	width := 0
	for _, i := range l.Items {
		width = max(width, len(i.Name))
	}
	for n, i := range l.Items {
		gone := ""
		if i.Gone {
			gone = "  all of its versions were taken back"
		}
		fmt.Fprintf(term.out, "%3d  %-*s  %9s  %s%s\n", n, width, i.Name, size.Bytes(i.Size), i.Title, gone)
		if i.Note != "" {
			fmt.Fprintf(term.out, "     %-*s  %s\n", width, "", strings.ReplaceAll(i.Note, "\n", " "))
		}
	}
}

func collectionCreateCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var n client.NewCollection
	cmd := &cobra.Command{
		Use:   "create TITLE",
		Short: "Make an empty collection, and print its name",
		Args:  exactly(1, "a title; put it into quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n.Title = args[0]
			c, err := f.client()
			if err != nil {
				return err
			}
			l, err := c.CreateCollection(cmd.Context(), n)
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"name": l.Name, "title": l.Title, "private": l.Private}, "%s", l.Name)
		},
	}
	cmd.Flags().StringVar(&n.Slug, "name", "", "its name in addresses, such as customer-service; made of the title if empty")
	cmd.Flags().StringVar(&n.Owner, "owner", "", "an organisation that it is to be of; you if empty")
	cmd.Flags().StringVar(&n.Description, "description", "", "what it holds and what for")
	cmd.Flags().BoolVar(&n.Private, "private", false, "only you and members of the organisation may see it")
	f.add(cmd)
	return cmd
}

func collectionSetCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var title, description string
	var private, public bool
	cmd := &cobra.Command{
		Use:   "set OWNER/NAME",
		Short: "Change title, description, or who may see a collection; its name stays, so that links do",
		Args:  exactly(1, "a collection, owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := collectionName(args[0])
			if err != nil {
				return err
			}
			var s client.CollectionSettings
			facts := map[string]any{"name": name}
			if cmd.Flags().Changed("title") {
				s.Title, facts["title"] = &title, title
			}
			if cmd.Flags().Changed("description") {
				s.Description, facts["description"] = &description, description
			}
			if private || public {
				s.Private, facts["private"] = &private, private
			}
			if len(facts) == 1 || private && public {
				return usageError{hint.Errorf("pass one or more of --title, --description, --private or --public", "nothing to change is named")}
			}
			c, err := f.client()
			if err == nil {
				err = c.ConfigureCollection(cmd.Context(), name, s)
			}
			if err != nil {
				return err
			}
			return f.done(term, facts, "%s is changed", name)
		},
	}
	cmd.Flags().StringVar(&title, "title", "", "another title")
	cmd.Flags().StringVar(&description, "description", "", "another description")
	cmd.Flags().BoolVar(&private, "private", false, "only you and members of the organisation may see it")
	cmd.Flags().BoolVar(&public, "public", false, "everybody may see it")
	f.add(cmd)
	return cmd
}

// collectionAndPackage reads the two arguments of add and remove.
func collectionAndPackage(args []string) (name, pack string, err error) {
	if name, err = collectionName(args[0]); err == nil {
		pack, err = packageName(args[1])
	}
	return name, pack, err
}

func collectionAddCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var note string
	var place int
	cmd := &cobra.Command{
		Use:   "add OWNER/NAME PACKAGE",
		Short: "Put a package into a collection, or change the note and the place of one that is in it",
		Args:  exactly(2, "a collection and a package, each as owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, pack, err := collectionAndPackage(args)
			if err != nil {
				return err
			}
			var s client.ItemSettings
			if cmd.Flags().Changed("note") {
				s.Note = &note
			}
			if cmd.Flags().Changed("place") {
				s.Place = &place
			}
			c, err := f.client()
			if err == nil {
				err = c.Collect(cmd.Context(), name, pack, s)
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"collection": name, "package": pack}, "%s is in %s", pack, name)
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "a note beside it, for everybody who sees the collection")
	cmd.Flags().IntVar(&place, "place", 0, "its place in the order, from 0 on; the end unless set")
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 1)
	return cmd
}

func collectionRemoveCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "remove OWNER/NAME PACKAGE",
		Short: "Take a package out of a collection",
		Args:  exactly(2, "a collection and a package, each as owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, pack, err := collectionAndPackage(args)
			if err != nil {
				return err
			}
			c, err := f.client()
			if err == nil {
				err = c.Uncollect(cmd.Context(), name, pack)
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"collection": name, "package": pack, "removed": true}, "%s is no longer in %s", pack, name)
		},
	}
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 1)
	return cmd
}

func collectionDeleteCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete OWNER/NAME",
		Short: "Delete a collection; its packages stay",
		Args:  exactly(1, "a collection, owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := collectionName(args[0])
			if err == nil && !yes {
				err = usageError{hint.Errorf("pass --yes if that is what you want", "%s would be gone for good", name)}
			}
			if err != nil {
				return err
			}
			c, err := f.client()
			if err == nil {
				err = c.DeleteCollection(cmd.Context(), name)
			}
			if err != nil {
				return err
			}
			return f.done(term, map[string]any{"deleted": name}, "%s is deleted", name)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, delete it")
	f.add(cmd)
	return cmd
}
