package catalogue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/market/index"
)

// live is an index in memory that follows the database.
type live struct {
	c     *Catalogue
	index *index.Index
	file  string
	log   *slog.Logger
	holds atomic.Int64 // of Catalogue.written, as many as are in the index for sure

	mu      sync.Mutex // of refreshing
	since   int64      // what has changed under this number or a higher one may not be in the index
	merging atomic.Bool
	merges  sync.WaitGroup
}

const (
	every       = 500 * time.Millisecond // how often a server looks for what others have changed
	fewChanges  = 20_000                 // are not worth a merge
	worthSaving = 2000                   // packages whose index takes longer to make than to read
	atATime     = 2000                   // packages that are read together
	published   = "r.kind <> ''"         // what searches find
)

// KeepIndex makes searches quick until ctx ends: it reads the index of words from the file where an earlier run has left
// one, or makes it of all packages (a minute for a million), and has it follow what this server and others change, within a
// second. Until it is ready searches ask the database. It returns when ctx ends.
func (c *Catalogue) KeepIndex(ctx context.Context, file string, log *slog.Logger) {
	l := &live{c: c, file: file, log: log}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var err error
	for wait := every; ; wait = min(2*wait, time.Minute) {
		if err = l.open(ctx); err == nil || ctx.Err() != nil {
			break
		}
		log.Error("making the index of words", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	defer l.merges.Wait()
	if ctx.Err() != nil {
		return
	}
	c.live.Store(l)
	defer c.live.Store(nil)
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := l.refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			log.Error("bringing the index of words up to date", "error", err)
		}
		failing = err != nil
	}
}

// Indexed tells whether searches are answered by an index in memory by now.
func (c *Catalogue) Indexed() bool { return c.live.Load() != nil }

// memory is the index in memory, with all that this server has written; nil where there is none.
func (c *Catalogue) memory(ctx context.Context) (*live, error) {
	l, written := c.live.Load(), c.written.Load()
	if l == nil || l.holds.Load() >= written {
		return l, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holds.Load() >= written { // by another's refresh, which this one has waited for
		return l, nil
	}
	return l, l.follow(ctx)
}

// open reads the index or makes it.
func (l *live) open(ctx context.Context) error {
	if err := l.load(ctx); err == nil {
		return l.refresh(ctx)
	} else if !errors.Is(err, fs.ErrNotExist) {
		l.log.Info("the index of words is made anew", "reason", err)
	}
	return l.build(ctx)
}

// build makes the index of all packages there are.
func (l *live) build(ctx context.Context) (err error) {
	l.index = index.New(len(columns), slices.Index(columns, ByUpdated), inFacet, asIs)
	if l.since, _, err = l.bounds(ctx); err != nil {
		return err
	}
	for last := int64(0); ; {
		list, err := readWhole(l.c.reading(ctx), published+" AND r.id > ? ORDER BY r.id LIMIT ?", last, atATime)
		if err != nil {
			return fmt.Errorf("reading packages: %w", err)
		}
		if len(list) == 0 {
			break
		}
		last = list[len(list)-1].ID
		if err := l.put(list); err != nil {
			return err
		}
		if l.index.Changed() > max(2*fewChanges, l.index.Len()/5) {
			l.index.Merge(false)
			runtime.GC() // while an index grows, old ones would take twice its room
		}
	}
	since := l.since
	if err := l.refresh(ctx); err != nil {
		return err
	}
	runtime.GC()
	l.index.Merge(true)
	l.save(ctx, since)
	return nil
}

// put adds packages to the index.
func (l *live) put(list []*Repository) error {
	documents, err := ofEach(list, document)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(documents, 100) { // searches wait meanwhile
		l.index.Put(some...)
	}
	return nil
}

// readWhole returns packages with their labels.
func readWhole(q queries, where string, args ...any) (list []*Repository, err error) {
	at := map[int64]*Repository{}
	var ids []int64
	err = q.rows("SELECT "+repositoryColumns+repositoryTables+" WHERE "+where, args, func(scan func(...any) error) error {
		r, err := scanRepository(scan)
		r.Labels = map[string][]string{}
		list, at[r.ID] = append(list, r), r
		ids = append(ids, r.ID)
		return err
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	in, numbers := listed(ids)
	err = q.rows("SELECT repository_id, facet, value FROM labels WHERE repository_id"+in+" ORDER BY repository_id, facet, value", numbers, func(scan func(...any) error) error {
		var id int64
		var facet, value string
		err := scan(&id, &facet, &value)
		if r := at[id]; r != nil {
			r.Labels[facet] = append(r.Labels[facet], value)
		}
		return err
	})
	return list, err
}

// bounds returns the numbers from which on changes may come that cannot be seen yet, and from which on none has come. In
// SQLite writers come one after the other; in PostgreSQL a transaction notes its own number, and may end after others that
// began later.
func (l *live) bounds(ctx context.Context) (from, to int64, err error) {
	q := l.c.reading(ctx)
	if l.c.postgres {
		err = q.row("SELECT CAST(CAST(pg_snapshot_xmin(s) AS TEXT) AS BIGINT), CAST(CAST(pg_snapshot_xmax(s) AS TEXT) AS BIGINT) FROM (SELECT pg_current_snapshot() AS s) t", nil, &from, &to)
		return from, to, err
	}
	err = q.row("SELECT COALESCE(MAX(seq), 0) + 1 FROM changes", nil, &from)
	return from, from, err
}

// refresh brings into the index what has changed since the last time.
func (l *live) refresh(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.follow(ctx)
}

// follow is refresh for who holds the lock.
func (l *live) follow(ctx context.Context) error {
	written := l.c.written.Load()
	from, to, err := l.bounds(ctx)
	if err != nil {
		return fmt.Errorf("what has changed: %w", err)
	}
	var ids []int64
	err = l.c.reading(ctx).rows("SELECT repository_id FROM changes WHERE seq >= ? AND seq < ?", []any{l.since, to}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("what has changed: %w", err)
	}
	for some := range slices.Chunk(ids, atATime) {
		if err := l.renew(ctx, some); err != nil {
			return fmt.Errorf("what has changed: %w", err)
		}
	}
	l.since = from
	l.holds.Store(written)
	if c := l.c; c.live.Load() == l && l.index.Changed() > max(fewChanges, l.index.Len()/20) && l.merging.CompareAndSwap(false, true) {
		l.merges.Go(func() {
			defer l.merging.Store(false)
			l.index.Merge(true)
			l.save(context.WithoutCancel(ctx), from)
		})
	}
	return nil
}

// renew reads packages again.
func (l *live) renew(ctx context.Context, ids []int64) error {
	in, numbers := listed(ids)
	list, err := readWhole(l.c.reading(ctx), published+" AND r.id"+in, numbers...)
	if err != nil {
		return err
	}
	gone := map[int64]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	var changed []*Repository
	for _, r := range list {
		delete(gone, r.ID)
		if !l.index.Update(r.ID, sum(r), keys(r)) {
			changed = append(changed, r)
		}
	}
	for id := range gone {
		l.index.Remove(id)
	}
	return l.put(changed)
}

// load reads the file.
func (l *live) load(ctx context.Context) error {
	f, err := os.Open(l.file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, to, err := l.bounds(ctx)
	if err != nil {
		return err
	}
	market, err := l.identity(ctx)
	if err != nil {
		return err
	}
	l.index = index.New(len(columns), slices.Index(columns, ByUpdated), inFacet, asIs)
	defer debug.FreeOSMemory()
	return l.index.Read(bufio.NewReaderSize(f, 1<<20), info.Size(), func(note string) bool {
		var since int64
		begin, number, _ := strings.Cut(note, " ")
		n, _ := fmt.Sscan(number, &since)
		l.since = since
		return n == 1 && begin == market+"-"+rules() && since <= to // a database that was put back to an earlier state has lower numbers
	})
}

// save writes the file, so that the next start need not make the index. What was changed under the number since or a
// higher one may not be in it.
func (l *live) save(ctx context.Context, since int64) {
	if l.index.Len() < worthSaving {
		return
	}
	err := func() error {
		market, err := l.identity(ctx)
		if err != nil {
			return err
		}
		f, err := atomicfile.Create(l.file)
		if err != nil {
			return err
		}
		defer f.Abort()
		w := bufio.NewWriterSize(f, 1<<20)
		if err := errors.Join(l.index.WriteTo(w, fmt.Sprintf("%s-%s %d", market, rules(), since)), w.Flush()); err != nil {
			return err
		}
		return f.Commit()
	}()
	if err != nil {
		l.log.Error("saving the index of words: the next start makes it anew", "file", l.file, "error", err)
	}
	debug.FreeOSMemory() // what the merge has left is a multiple of what searches leave in a minute
}

// identity tells a database from others.
func (l *live) identity(ctx context.Context) (id string, err error) {
	return id, l.c.reading(ctx).row("SELECT id FROM identity", nil, &id)
}

// columns are what an index is sorted by.
var columns = []Order{ByDownloads, ByUpdated, ByTrend, BySize, ByLatency, ByRating}

// keys are those of a package in each column.
func keys(r *Repository) []float64 {
	return []float64{float64(r.Downloads), float64(stamp(r.Updated)), trending(r), -float64(r.Size), fastest(r.Latency), r.Rating}
}
