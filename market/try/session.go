package try

import (
	"context"
)

// Session is a model in a process of its own for somebody who asks much of it, and ends it.
type Session struct {
	About About
	Lacks []string // protections that this system cannot give

	process *process
	options Options
}

// Open opens a model in a process of its own. Of the options it heeds what concerns one model. Errors wrap one of this
// package's, or what the model's Open returned.
func Open(ctx context.Context, o Options, m Model) (*Session, error) {
	p := New(o)
	w, err := p.open(ctx, m)
	if err != nil {
		return nil, err
	}
	return &Session{About: w.about, Lacks: w.lacks, process: w, options: p.options}, nil
}

// Ask asks one question, for which a batch of texts counts. After any error but ErrQuestion the session is over.
func (s *Session) Ask(ctx context.Context, q Question) (*Answer, error) {
	return s.process.ask(ctx, q, s.options.Answer)
}

// Peak is the most memory that the process has had at once, in bytes: the program and the model. 0 where the system does
// not tell.
func (s *Session) Peak() int64 { return peak(s.process.cmd.Process.Pid) }

// Close ends the process, and returns when it has ended and its files are gone.
func (s *Session) Close() {
	s.process.stop()
	<-s.process.done
}
