package data

import "context"

// Conversion says what was converted.
type Conversion struct {
	From     string   `json:"from"`
	Format   string   `json:"format"` // of the source
	To       string   `json:"to"`
	Rows     int64    `json:"rows"`
	Entities int64    `json:"entities"`
	Notes    []string `json:"notes,omitempty"`
}

// Convert writes the examples of c.Path to out, as they are, in the format that its name says: see Create. It holds one
// example at a time. progress, which may be nil, is told of bytes read.
func Convert(ctx context.Context, c *Config, out string, progress func(done, total int64)) (*Conversion, error) {
	r, err := Open(ctx, c.Path, c.Columns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	w, err := Create(out, &c.Columns)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	result := &Conversion{From: c.Path, Format: r.Format(), To: out}
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if result.Rows++; result.Rows%512 == 0 && progress != nil {
			progress(r.Progress())
		}
		result.Entities += int64(len(e.Entities))
		if err := w.Write(&e); err != nil {
			return nil, err
		}
	}
	if progress != nil {
		progress(r.Progress())
	}
	if err := w.Commit(); err != nil {
		return nil, err
	}
	result.Notes = append(r.Notes(), w.Notes()...)
	return result, nil
}
