package depot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// mostNeeded bounds how many packages an application may need in all, through others.
const mostNeeded = 1000

// dependencies checks what an application needs: that every package is there under its digest, that its version is that
// digest, and that no application needs itself, be it through others.
func (d *Depot) dependencies(ctx context.Context, p *Package) (all []Finding, err error) {
	if p.Facts.Kind != pack.Application {
		return nil, nil
	}
	if p.Version != "" && p.Facts.Version != p.Version {
		all = append(all, Finding{Severity: inspect.Refused, Rule: "dependency", Path: pack.AppFile, Message: fmt.Sprintf("version: it says %s and is to be published as %s", p.Facts.Version, p.Version), Way: "make them the same"})
	}
	type need struct {
		pack.Dependency
		first string // the application's own name for what led to it
	}
	var todo []need
	for _, n := range p.Facts.Needs {
		todo = append(todo, need{n, n.Name})
	}
	seen := map[digest.Digest]bool{}
	for n := 0; n < len(todo); n++ {
		at := todo[n]
		direct := n < len(p.Facts.Needs)
		say := func(s inspect.Severity, way, format string, args ...any) {
			all = append(all, Finding{Severity: s, Rule: "dependency", Path: pack.AppFile, Message: "dependencies." + at.first + ": " + fmt.Sprintf(format, args...), Way: way})
		}
		if n >= mostNeeded {
			say(inspect.Refused, "need fewer", "more than %d packages are needed through it", mostNeeded)
			break
		}
		if strings.EqualFold(at.Package, p.Repository.FullName()) {
			say(inspect.Refused, "take out what leads back to the application", "%s needs %s, which it is part of", p.Repository.FullName(), at.Package)
			continue
		}
		if seen[at.Digest] {
			continue
		}
		seen[at.Digest] = true
		problem, way, further, err := d.needed(ctx, p.Who, at.Dependency)
		if err != nil {
			return nil, err
		}
		if problem != "" && direct {
			say(inspect.Refused, way, "%s", problem)
		} else if problem != "" {
			say(inspect.Warned, way, "it needs something in turn: %s", problem)
		}
		for _, f := range further {
			todo = append(todo, need{f, at.first})
		}
	}
	return all, nil
}

// needed looks for a package that an application needs, and returns what that needs in turn.
func (d *Depot) needed(ctx context.Context, who catalogue.Caller, n pack.Dependency) (problem, way string, further []pack.Dependency, err error) {
	r, err := d.Catalogue.Repository(ctx, who, n.Package)
	if errors.Is(err, catalogue.ErrNotFound) {
		return n.Package + " is not on this market", "publish it first, or check its name", nil, nil
	}
	if err != nil {
		return "", "", nil, err
	}
	t, err := d.Catalogue.Resolve(ctx, r, n.Digest.String())
	if errors.Is(err, catalogue.ErrNotFound) {
		return fmt.Sprintf("%s has no package %s", n.Package, n.Digest), "see its digests with `xiaoyu info " + n.Package + "`", nil, nil
	}
	if err != nil {
		return "", "", nil, err
	}
	if n.Version != "" {
		named, err := d.Catalogue.Resolve(ctx, r, n.Version)
		if errors.Is(err, catalogue.ErrNotFound) {
			return fmt.Sprintf("%s has no version %s", n.Package, n.Version), "see its versions with `xiaoyu info " + n.Package + "`", nil, nil
		}
		if err != nil {
			return "", "", nil, err
		}
		if named.Manifest.Digest != n.Digest {
			return fmt.Sprintf("%s:%s is %s and not %s", n.Package, n.Version, named.Manifest.Digest, n.Digest), "write the digest that `xiaoyu info " + n.Package + ":" + n.Version + "` shows", nil, nil
		}
	}
	further, err = d.needsOf(ctx, t)
	return "", "", further, err
}

// needsOf reads what a published application needs; nothing for what is none.
func (d *Depot) needsOf(ctx context.Context, t *catalogue.Target) ([]pack.Dependency, error) {
	f, err := d.Catalogue.File(ctx, &t.Manifest, pack.AppFile)
	if errors.Is(err, catalogue.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	content, err := d.Blobs.Open(ctx, f.Digest)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return pack.NeedsIn(content)
}
