// Package try lets visitors of a market ask its models, and keeps the market safe from them: each model runs in a process
// of its own, which sees the files of its package and nothing else, has so much memory, and is stopped when it takes
// longer than it may.
//
//	pool := try.New(try.Options{})
//	answer, err := pool.Ask(ctx, try.Model{Key: digest, Files: files, Open: open}, try.Question{Text: "房间很干净"})
//
// The process is the program itself, called as `xiaoyu market try-worker`: package worker is what it does. A model that has
// been asked stays open for a while, since who asks once asks again.
//
// On Linux the process has no network, no other files, no environment, and limits of the kernel's; elsewhere the time and
// what Go's runtime can hold to. Whatever a model does to its process, it does to that alone.
package try

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Why a model has not answered.
var (
	ErrQuestion = errors.New("not a question for a model")
	ErrBusy     = errors.New("too many are trying models just now")
	ErrTime     = errors.New("the model took too long and was stopped")
	ErrMemory   = errors.New("the model wanted more memory than it may have and was stopped")
	ErrCrash    = errors.New("the model's process has ended by itself")

	ErrModel     = errors.New("this model cannot be run here")
	ErrForbidden = errors.New("the model did what no model may (opening files or the network, starting processes) and was stopped")
)

// Options are a pool's. The zero values are good ones.
type Options struct {
	Command   []string      // program and arguments that call worker.Work; this program's `market try-worker` if empty
	Processes int           // models that may be open at once; 2 if 0
	Queue     int           // visitors that may wait for their turn; 16 if 0
	Memory    int64         // bytes that a model may have beside its file; 1 GiB if 0
	Files     int64         // bytes of a package's files; Memory if 0
	Open      time.Duration // to open a model; 20 s if 0
	Answer    time.Duration // to answer one question; 5 s if 0
	Idle      time.Duration // that a model stays open; 5 min if 0
	Log       *slog.Logger  // slog's default if nil
}

func (o Options) complete() Options {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&o.Open, 20*time.Second)
	set(&o.Answer, 5*time.Second)
	set(&o.Idle, 5*time.Minute)
	if o.Processes == 0 {
		o.Processes = 2
	}
	if o.Queue == 0 {
		o.Queue = 16
	}
	if o.Memory == 0 {
		o.Memory = 1 << 30
	}
	if o.Files == 0 {
		o.Files = o.Memory
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Model is one to ask.
type Model struct {
	Key   string // of its content: the digest of the package's manifest
	Files []pack.File
	Open  func(ctx context.Context, f pack.File) (io.ReadCloser, error)
}

// MaxText is how long a text may be, in characters.
const MaxText = 5000

// Pool runs models. Its methods may be called from several goroutines.
type Pool struct {
	options Options
	turns   chan struct{} // one for each process that may work
	swept   sync.Once     // what markets left that were killed

	mu      sync.Mutex
	waiting int
	working int
	warm    []*process // longest idle first
	closed  bool
}

// New returns a pool without a process yet.
func New(o Options) *Pool {
	o = o.complete()
	return &Pool{options: o, turns: make(chan struct{}, o.Processes)}
}

// Close ends all processes that no question waits for, and returns when their files are gone. Those that one waits for end
// with it.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	warm := p.warm
	p.warm = nil
	p.mu.Unlock()
	for _, w := range warm {
		w.stop()
	}
	for _, w := range warm {
		<-w.done
	}
	return nil
}

// Ask asks a model. Errors wrap one of this package's, or what Open returned.
func (p *Pool) Ask(ctx context.Context, m Model, q Question) (*Answer, error) {
	for _, s := range []string{q.Text, q.Pair} {
		if n := utf8.RuneCountInString(s); n > MaxText || !utf8.ValidString(s) {
			return nil, hint.Errorf("give a shorter one in UTF-8", "a text of %d characters, where %d are the most: %w", n, MaxText, ErrQuestion)
		}
	}
	if q.Text == "" && q.Pair == "" {
		return nil, hint.Errorf("write one", "there is no text: %w", ErrQuestion)
	}
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer func() { <-p.turns }()
	w, err := p.take(ctx, m)
	if err != nil {
		return nil, err
	}
	a, err := w.ask(ctx, q, p.options.Answer)
	p.giveBack(w, err == nil || errors.Is(err, ErrQuestion))
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrQuestion) {
		p.options.Log.Warn("a model was stopped", "package", m.Key, "error", err, "said", w.said.brief())
	}
	return a, err
}

// enter waits for a turn.
func (p *Pool) enter(ctx context.Context) error {
	select {
	case p.turns <- struct{}{}:
		return nil
	default:
	}
	p.mu.Lock()
	full := p.waiting >= p.options.Queue
	if !full {
		p.waiting++
	}
	p.mu.Unlock()
	if full {
		return hint.Wrap(ErrBusy, "try again in a moment", "asking a model")
	}
	defer func() {
		p.mu.Lock()
		p.waiting--
		p.mu.Unlock()
	}()
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take returns a process that has the model open, and counts it as working.
func (p *Pool) take(ctx context.Context, m Model) (*process, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, hint.Wrap(ErrBusy, "try again in a moment", "the market is stopping")
	}
	p.working++
	if i := slices.IndexFunc(p.warm, func(w *process) bool { return w.key == m.Key }); i >= 0 {
		w := p.warm[i]
		p.warm = slices.Delete(p.warm, i, i+1)
		w.idle.Stop()
		p.mu.Unlock()
		return w, nil
	}
	var evicted []*process
	for len(p.warm) > 0 && len(p.warm)+p.working > p.options.Processes {
		evicted, p.warm = append(evicted, p.warm[0]), p.warm[1:]
	}
	p.mu.Unlock()
	for _, w := range evicted {
		w.stop()
	}
	w, err := p.open(ctx, m)
	if err != nil {
		p.mu.Lock()
		p.working--
		p.mu.Unlock()
	}
	return w, err
}

// giveBack keeps a process that is good for another question, and ends any other.
func (p *Pool) giveBack(w *process, good bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.working--
	if !good || p.closed {
		w.stop()
		return
	}
	w.idle = time.AfterFunc(p.options.Idle, func() {
		p.mu.Lock()
		i := slices.Index(p.warm, w)
		if i >= 0 {
			p.warm = slices.Delete(p.warm, i, i+1)
		}
		p.mu.Unlock()
		if i >= 0 {
			w.stop()
		}
	})
	p.warm = append(p.warm, w)
}

// open copies the files of a model to where its process sees them, and starts that.
func (p *Pool) open(ctx context.Context, m Model) (*process, error) {
	var total int64
	for _, f := range m.Files {
		total += f.Size
	}
	if total > p.options.Files {
		return nil, hint.Errorf("install it", "%w: its files have %d MB, and %d MB are the most", ErrModel, total/1e6, p.options.Files/1e6)
	}
	p.swept.Do(sweep)
	dir, err := newFolder()
	if err != nil {
		return nil, err
	}
	if err = copyFiles(ctx, dir.files(), m); err == nil {
		var w *process
		if w, err = p.start(ctx, dir, m.Key); err == nil {
			return w, nil
		}
	}
	dir.remove()
	return nil, err
}
