package catalogue

import (
	"context"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Lineage is where a package stands among what it was made of and what was made of it, as far as somebody may see.
type Lineage struct {
	Nodes []Node // the package itself is the first
	Edges []Edge
}

// Node is a package in a lineage, or something that one names which this market does not have for who asks.
type Node struct {
	Repository *Repository   // nil for what is known by its name or digest alone
	Name       string        // owner/name, or as whoever names it has written it
	Role       string        // in what is made of it: TrainedOn, BaseModel or Dependency; "" for the package itself
	Version    string        // the highest at `latest`; "" for none
	Digest     digest.Digest // of a file, where there is no Repository
	Distance   int           // edges to the package itself; negative for what it was made of
	Above      int           // what it was made of that is left out
	Below      int           // what was made of it that is left out
}

// Edge leads from what something was made of to what was made of it; both are places in Nodes.
type Edge struct{ From, To int }

// Bounds of a lineage: how many steps it goes to either side, and what it shows of each node.
const (
	lineageUp, lineageDown      = 4, 3
	mostOrigins                 = 8    // of a package
	mostDependents, mostFarther = 8, 3 // of the package itself, and of one that was made of it
	mostNodes                   = 48
)

// Lineage returns what a package was made of, over several steps, and what was made of it. Facts are those of the version
// that is asked for; of others those of `latest` count. A package that who may not see is no different from one that is
// not there, and nothing is found through it.
func (c *Catalogue) Lineage(ctx context.Context, who Caller, of *Repository, facts *Facts) (*Lineage, error) {
	t := &tracer{q: c.reading(ctx), who: who, byID: map[int64]int{}, byName: map[string]int{}}
	t.add(Node{Repository: of, Name: of.FullName()})
	steps := []func() error{
		func() error { return t.up(facts) }, t.down, func() error { return t.connect(facts) }, t.versions,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, wrap(err, "the lineage of %s", of.FullName())
		}
	}
	return &t.Lineage, nil
}

// tracer finds a lineage.
type tracer struct {
	Lineage
	q      queries
	who    Caller
	byID   map[int64]int  // places of nodes, by the numbers of their repositories
	byName map[string]int // of those without
}

// origin is what a package says that it was made of.
type origin struct {
	of     int64 // number of the repository that says so
	role   string
	name   string
	digest digest.Digest
	found  *Repository // nil where there is none for who asks
}

// key tells origins without a repository apart.
func (o *origin) key() string {
	if o.digest != "" {
		return o.digest.String()
	}
	return key(o.name)
}

// place is where an origin stands among the nodes.
func (t *tracer) place(o *origin) (int, bool) {
	if o.found != nil {
		i, known := t.byID[o.found.ID]
		return i, known
	}
	i, known := t.byName[o.key()]
	return i, known
}

func (t *tracer) add(n Node) {
	if n.Repository != nil {
		t.byID[n.Repository.ID] = len(t.Nodes)
	}
	t.Nodes = append(t.Nodes, n)
}

// up adds what the package was made of, nearest first.
func (t *tracer) up(facts *Facts) error {
	for distance, from := 0, 0; distance < lineageUp && from < len(t.Nodes); distance++ {
		to := len(t.Nodes)
		list, err := t.origins(t.Nodes[from:to], facts)
		if err != nil {
			return err
		}
		shown := map[int64]int{}
		for i := range list {
			o := &list[i]
			if _, known := t.place(o); known || shown[o.of] == mostOrigins || len(t.Nodes) >= mostNodes/2 {
				continue
			}
			shown[o.of]++
			n := Node{Repository: o.found, Name: o.name, Role: o.role, Digest: o.digest, Distance: -distance - 1}
			if o.found != nil {
				n.Name, n.Digest = o.found.FullName(), ""
			} else {
				t.byName[o.key()] = len(t.Nodes)
			}
			t.add(n)
		}
		from = to
	}
	return nil
}

// down adds what was made of the package, nearest first, and the most downloaded of each step.
func (t *tracer) down() error {
	front := []int{0}
	for distance := 1; len(front) > 0; distance++ {
		most := mostFarther
		if distance == 1 {
			most = mostDependents
		}
		if distance > lineageDown {
			most = 0 // they are counted alone
		}
		found, err := t.dependents(front, most)
		if err != nil {
			return err
		}
		var ids []int64
		for _, d := range found {
			t.Nodes[d.of].Below = d.all
			if _, known := t.byID[d.id]; !known && d.id != 0 && len(t.Nodes)+len(ids) < mostNodes && !slices.Contains(ids, d.id) {
				ids = append(ids, d.id)
			}
		}
		list, err := t.repositories(ids)
		if err != nil {
			return err
		}
		front = nil
		for _, id := range ids {
			if r := list[id]; r != nil {
				front = append(front, len(t.Nodes))
				t.add(Node{Repository: r, Name: r.FullName(), Distance: distance})
			}
		}
	}
	return nil
}

// connect adds the edges between all nodes, and counts what has none: by what every package says of its origins.
func (t *tracer) connect(facts *Facts) error {
	list, err := t.origins(t.Nodes, facts)
	if err != nil {
		return err
	}
	for i := range list {
		o := &list[i]
		to := t.byID[o.of]
		from, known := t.place(o)
		e := Edge{from, to}
		switch {
		case !known && t.Nodes[to].Distance <= 0:
			t.Nodes[to].Above++
		case known && from != to && !slices.Contains(t.Edges, e):
			t.Edges = append(t.Edges, e)
			if t.Nodes[from].Distance >= 0 {
				t.Nodes[from].Below = max(t.Nodes[from].Below-1, 0)
			}
		}
	}
	return nil
}

// origins lists what packages say that they were made of, each once: what their cards name, then what lineage.json adds.
func (t *tracer) origins(nodes []Node, facts *Facts) (list []origin, err error) {
	var ids []int64
	for _, n := range nodes {
		switch {
		case n.Repository == nil:
		case n.Distance == 0 && facts != nil: // of the version that is asked for
			for _, role := range []string{TrainedOn, BaseModel, Dependency} {
				for _, name := range facts.Labels[role] {
					list = append(list, origin{of: n.Repository.ID, role: role, name: name})
				}
			}
			for _, s := range facts.Sources {
				list = append(list, origin{of: n.Repository.ID, role: roleOf(s.Role), name: s.Name, digest: s.Digest})
			}
		default:
			ids = append(ids, n.Repository.ID)
		}
	}
	if len(ids) > 0 {
		in, args := listed(ids)
		err = t.q.rows("SELECT repository_id, facet, value, '', 0 AS part FROM labels WHERE repository_id"+in+" AND facet IN (?, ?, ?) UNION ALL SELECT repository_id, role, name, digest, 1 FROM sources WHERE repository_id"+in+" ORDER BY 5, 1, 2, 3",
			slices.Concat(args, []any{TrainedOn, BaseModel, Dependency}, args), func(scan func(...any) error) error {
				var o origin
				var part int
				err := scan(&o.of, &o.role, &o.name, &o.digest, &part)
				if part == 1 {
					o.role = roleOf(o.role)
				}
				list = append(list, o)
				return err
			})
	}
	if err == nil {
		err = t.resolve(list)
	}
	return distinct(list), err
}

// roleOf is what a source of lineage.json is as a facet.
func roleOf(source string) string {
	if source == pack.FromData {
		return TrainedOn
	}
	return BaseModel
}

// distinct leaves out what says the same again: a source that has been found is the package that the card names, and so is
// one of the same name, whose digest nobody here has.
func distinct(list []origin) (out []origin) {
	type said struct {
		of, id int64
		key    string
	}
	seen := map[said]bool{}
	for _, o := range list {
		s := said{of: o.of, key: o.key()}
		if o.found != nil {
			s = said{of: o.of, id: o.found.ID}
		}
		_, name, hub := strings.Cut(o.name, "://")
		if name, _, _ = strings.Cut(name, "@"); !hub {
			name = o.name
		}
		name = key(name)
		if !seen[s] && (o.found != nil || o.digest == "" || !seen[said{of: o.of, key: name}]) {
			out = append(out, o)
		}
		seen[s] = true
		if o.digest == "" {
			seen[said{of: o.of, key: name}] = true
		}
	}
	return out
}

// resolve finds the packages that origins are, of those that who asks may see: by their digests, else by their names.
func (t *tracer) resolve(list []origin) error {
	names, digests := map[string]*Repository{}, map[digest.Digest]*Repository{}
	for _, o := range list {
		if o.digest != "" {
			digests[o.digest] = nil
		} else if _, _, err := SplitName(o.name); err == nil {
			names[key(o.name)] = nil
		}
	}
	if err := t.named(names); err != nil {
		return err
	}
	if err := t.holding(digests); err != nil {
		return err
	}
	for i := range list {
		if o := &list[i]; o.digest != "" {
			o.found = digests[o.digest]
		} else {
			o.found = names[key(o.name)]
		}
	}
	return nil
}

// named fills a table of packages by their names in lower case, those of before a move among them.
func (t *tracer) named(names map[string]*Repository) error {
	if len(names) == 0 {
		return nil
	}
	var pairs []string
	var args []any
	for name := range names {
		owner, own, _ := strings.Cut(name, "/")
		pairs, args = append(pairs, "(CAST(? AS TEXT), CAST(? AS TEXT))"), append(args, owner, own)
	}
	asked := "WITH asked (owner_key, key) AS (VALUES " + strings.Join(pairs, ", ") + ") "
	where, more := visible(t.who)
	err := t.q.rows(asked+"SELECT "+repositoryColumns+" FROM asked n JOIN accounts a ON a.key = n.owner_key JOIN repositories r ON r.owner_id = a.id AND r.key = n.key WHERE "+strings.Join(where, " AND "),
		slices.Concat(args, more), func(scan func(...any) error) error {
			r, err := scanRepository(scan)
			names[key(r.FullName())] = r
			return err
		})
	if err != nil {
		return err
	}
	moved := map[int64][]string{}
	err = t.q.rows(asked+`SELECT m.owner_key, m.key, m.repository_id FROM asked n JOIN moves m ON m.owner_key = n.owner_key AND m.key = n.key
		WHERE NOT EXISTS (SELECT 1 FROM repositories r JOIN accounts a ON a.id = r.owner_id WHERE a.key = m.owner_key AND r.key = m.key)`, args, func(scan func(...any) error) error {
		var owner, own string
		var id int64
		err := scan(&owner, &own, &id)
		moved[id] = append(moved[id], owner+"/"+own)
		return err
	})
	if err != nil || len(moved) == 0 {
		return err
	}
	var ids []int64
	for id := range moved {
		ids = append(ids, id)
	}
	list, err := t.repositories(ids)
	for id, r := range list {
		for _, name := range moved[id] {
			names[name] = r
		}
	}
	return err
}

// holding fills a table of packages by the digest of a file of theirs; of several the first that had it.
func (t *tracer) holding(digests map[digest.Digest]*Repository) error {
	if len(digests) == 0 {
		return nil
	}
	var args []any
	for d := range digests {
		args = append(args, d)
	}
	where, more := visible(t.who)
	first := map[digest.Digest]int64{}
	err := t.q.rows("SELECT f.digest, m.repository_id FROM files f JOIN manifests m ON m.id = f.manifest_id JOIN repositories r ON r.id = m.repository_id WHERE f.digest IN (?"+strings.Repeat(", ?", len(args)-1)+") AND "+
		strings.Join(where, " AND ")+" ORDER BY m.id DESC", slices.Concat(args, more), func(scan func(...any) error) error {
		var d digest.Digest
		var id int64
		err := scan(&d, &id)
		first[d] = id
		return err
	})
	if err != nil {
		return err
	}
	var ids []int64
	for _, id := range first {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	list, err := t.repositories(ids)
	for d, id := range first {
		digests[d] = list[id]
	}
	return err
}

// repositories returns those that who asks may see, by their numbers.
func (t *tracer) repositories(ids []int64) (map[int64]*Repository, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list := map[int64]*Repository{}
	in, args := listed(ids)
	where, more := visible(t.who)
	return list, t.q.rows("SELECT "+repositoryColumns+repositoryTables+" WHERE r.id"+in+" AND "+strings.Join(where, " AND "), slices.Concat(args, more), func(scan func(...any) error) error {
		r, err := scanRepository(scan)
		list[r.ID] = r
		return err
	})
}

// dependent is a repository that says it was made of a node.
type dependent struct {
	of  int   // place of the node
	id  int64 // 0 for none, where they were counted alone
	all int   // how many that node has
}

// mostFiles is how many files of a package are looked for in the lineages of models.
const mostFiles = 1000

// dependents lists the most downloaded of what was made of some nodes, up to most of each, and says how many there are.
func (t *tracer) dependents(front []int, most int) (list []dependent, err error) {
	var names []string
	var args []any
	var ids []int64
	for _, i := range front {
		r := t.Nodes[i].Repository
		ids = append(ids, r.ID)
		for _, name := range slices.Compact([]string{r.FullName(), key(r.FullName())}) {
			names, args = append(names, "(CAST(? AS TEXT), CAST(? AS BIGINT))"), append(args, name, r.ID)
		}
	}
	in, numbers := listed(ids)
	where, seen := visible(t.who)
	args = slices.Concat(args, numbers, []any{TrainedOn, BaseModel, Dependency}, numbers, []any{mostFiles}, seen, []any{max(most, 1)})
	err = t.q.rows(`WITH named (name, target) AS (VALUES `+strings.Join(names, ", ")+` UNION ALL SELECT owner_key || '/' || key, repository_id FROM moves WHERE repository_id`+in+`),
		made (target, id) AS (SELECT n.target, l.repository_id FROM named n JOIN labels l ON l.value = n.name AND l.facet IN (?, ?, ?)
			UNION SELECT f.target, s.repository_id FROM (SELECT DISTINCT f.digest, m.repository_id AS target FROM manifests m JOIN files f ON f.manifest_id = m.id WHERE m.repository_id`+in+` LIMIT ?) f JOIN sources s ON s.digest = f.digest)
		SELECT target, id, n FROM (SELECT d.target, d.id, COUNT(*) OVER (PARTITION BY d.target) AS n, ROW_NUMBER() OVER (PARTITION BY d.target ORDER BY r.downloads DESC, d.id DESC) AS place
			FROM made d JOIN repositories r ON r.id = d.id WHERE d.id <> d.target AND `+strings.Join(where, " AND ")+`) ranked WHERE place <= ? ORDER BY place, target`, args, func(scan func(...any) error) error {
		var target int64
		var d dependent
		err := scan(&target, &d.id, &d.all)
		d.of = t.byID[target]
		if most == 0 {
			d.id = 0
		}
		list = append(list, d)
		return err
	})
	return list, err
}

// versions sets those of all nodes.
func (t *tracer) versions() error {
	var ids []int64
	for _, n := range t.Nodes {
		if n.Repository != nil {
			ids = append(ids, n.Repository.ID)
		}
	}
	in, args := listed(ids)
	return t.q.rows("SELECT v.repository_id, v.name FROM refs l JOIN refs v ON v.repository_id = l.repository_id AND v.manifest_id = l.manifest_id AND v.kind = 'version' WHERE l.name = ? AND l.repository_id"+in,
		slices.Concat([]any{Latest}, args), func(scan func(...any) error) error {
			var id int64
			var name string
			err := scan(&id, &name)
			if n := &t.Nodes[t.byID[id]]; n.Version == "" || CompareVersions(name, n.Version) > 0 {
				n.Version = name
			}
			return err
		})
}

// adoptSources makes what a model says of its lineage that of its repository.
func (c *Catalogue) adoptSources(q queries, repository int64, list []pack.Source) error {
	if _, err := q.exec("DELETE FROM sources WHERE repository_id = ?", repository); err != nil {
		return err
	}
	for _, s := range list {
		if _, err := q.exec("INSERT INTO sources (repository_id, role, name, digest) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", repository, s.Role, s.Name, s.Digest); err != nil {
			return err
		}
	}
	return nil
}
