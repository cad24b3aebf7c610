package catalogue

import "context"

// Upload returns the repository that an upload belongs to, for writing: who knows an upload's name, which nobody can guess,
// may go on with it. ErrNotFound.
func (c *Catalogue) Upload(ctx context.Context, id string) (*Repository, error) {
	q := c.reading(ctx)
	var repository int64
	err := q.row("SELECT repository_id FROM uploads WHERE id = ?", []any{id}, &repository)
	if err != nil {
		return nil, wrap(err, "upload %.40q", id)
	}
	r, err := c.byID(q, repository)
	if err != nil {
		return nil, wrap(err, "upload %.40q", id)
	}
	r.May = Write
	return r, nil
}
