package client

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// pulledFile lists what was pulled into folders, so that it can be looked after.
const pulledFile = "pulled.json"

// Installed is a package on this machine: in a folder, or in the cache.
type Installed struct {
	Market string        `json:"market"`
	Name   string        `json:"name"`
	Digest digest.Digest `json:"digest"`
	Dir    string        `json:"dir"`
	At     time.Time     `json:"at"`
}

func (c *Client) readPulled() (list []Installed, err error) {
	path := filepath.Join(c.home, pulledFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		return nil, hint.Wrap(err, "remove the file; what is pulled from now on is noted again", "reading %s", path)
	}
	return list, nil
}

// notePulled remembers what a folder holds, and forgets folders that are gone.
func (c *Client) notePulled(p *Pulled) error {
	dir, err := filepath.Abs(p.Dir)
	if err == nil {
		err = os.MkdirAll(c.home, 0o700)
	}
	if err != nil {
		return err
	}
	lock := flock.New(filepath.Join(c.home, pulledFile+".lock"))
	if err := lock.Lock(); err != nil {
		return err
	}
	defer lock.Unlock()
	list, err := c.readPulled()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(i Installed) bool {
		_, err := os.Stat(i.Dir)
		return i.Dir == dir || errors.Is(err, os.ErrNotExist)
	})
	b, err := json.MarshalIndent(append(list, Installed{Market: c.Market(), Name: p.Name, Digest: p.Digest, Dir: dir, At: time.Now().UTC()}), "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(c.home, pulledFile), b, 0o600)
}

// Installed lists packages of this market on this machine: those in folders that are still there, then those in the cache.
func (c *Client) Installed() (list []Installed, err error) {
	all, err := c.readPulled()
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if _, err := os.Stat(i.Dir); err == nil && i.Market == c.Market() {
			list = append(list, i)
		}
	}
	cached, err := c.cache().List()
	for _, p := range cached {
		if p.Market == c.Market() {
			list = append(list, Installed{Market: p.Market, Name: p.Name, Digest: p.Digest, Dir: p.Dir, At: p.Used})
		}
	}
	return list, err
}

// Needs lists what an application in a folder needs; nothing of what is none.
func (i Installed) Needs() ([]pack.Dependency, error) {
	b, err := os.ReadFile(filepath.Join(i.Dir, pack.AppFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	app, err := pack.ReadApp(b)
	if err != nil {
		return nil, err
	}
	return app.Needs()
}

// warn tells of what speaks against what is about to be pulled. A market that does not know of advisories has none.
func (c *Client) warn(ctx context.Context, p *Pulled, watch Watch) {
	s, err := c.Standing(ctx, p.Name, p.Digest.String())
	if errors.Is(err, ErrNotFound) {
		return
	}
	if err != nil {
		if watch.Warn != nil && ctx.Err() == nil {
			watch.Warn("advisories could not be asked for: " + err.Error())
		}
		return
	}
	p.Advisories = s.Advisories
	for _, a := range s.Advisories {
		if watch.Warn != nil {
			watch.Warn(a.Sentence())
		}
	}
}

// Sentence says what an advisory is about, on one line.
func (a Advisory) Sentence() string {
	s := a.Severity + ": " + a.Package + " " + a.Affected + ": " + a.Title
	if a.Fixed != "" {
		s += "; take " + a.Fixed
	}
	return s
}
