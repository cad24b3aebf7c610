package verify_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// workerVariable has a process of this program be a worker: of the data folder, and of the database behind a bar.
const workerVariable = "XIAOYU_TEST_WORKER"

func init() {
	behaviours["slow"] = taken(func(texts []string) [][]float32 {
		time.Sleep(5 * time.Millisecond)
		said := make([][]float32, len(texts))
		for i := range said {
			said[i] = []float32{.5, .3, .2}
		}
		return said
	})
	place := os.Getenv(workerVariable)
	if place == "" || len(os.Args) != 1 {
		return
	}
	data, database, _ := strings.Cut(place, "|")
	d, err := depot.Open(context.Background(), depot.Options{Data: data, Database: database})
	if err == nil {
		o := verify.WorkerOptions{Options: options("slow"), Rescue: 20 * time.Second, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))}
		o.Try.Log = slog.New(slog.DiscardHandler)
		err = verify.NewWorker(d, o).Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// startWorker starts one in a process of its own, which is killed with SIGKILL.
func startWorker(t *testing.T, data, database string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerVariable+"="+data+"|"+database)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	t.Cleanup(kill)
	return kill
}

// versions publishes models that differ in their cards, and returns their digests.
func versions(t *testing.T, m *markettest.Market, dir string, from, n int) (list []digest.Digest) {
	t.Helper()
	for i := range n {
		card := strings.Replace(claims, "CLAIM", "0.5", 1) + strconv.Itoa(from+i) + "\n"
		if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(card), 0o644); err != nil {
			t.Fatal(err)
		}
		list = append(list, push(t, m, dir, fmt.Sprintf("ada/model:1.%d.0", from+i)).Digest)
	}
	return list
}

// outcome is what there is of a version.
type outcome struct {
	catalogue.Verification
	statements []catalogue.Manifest
}

func outcomes(t *testing.T, m *markettest.Market, list []digest.Digest) (out []outcome, wanted int) {
	t.Helper()
	c := m.Depot.Catalogue
	r, err := c.Repository(t.Context(), catalogue.Caller{}, "ada/model")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		target, err := c.Resolve(t.Context(), r, d.String())
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.Verifications(t.Context(), &target.Manifest)
		if err != nil || len(found) != 1 {
			t.Fatalf("%d verifications of %s, %v", len(found), d, err)
		}
		o := outcome{Verification: found[0]}
		if o.statements, _, err = c.Referrers(t.Context(), r, d, verify.ArtifactType); err != nil {
			t.Fatal(err)
		}
		if o.Wanted {
			wanted++
		}
		out = append(out, o)
	}
	return out, wanted
}

// allDone waits until nothing is wanted, and sees that each version has one outcome with one statement that is whole.
func allDone(t *testing.T, m *markettest.Market, list []digest.Digest) []outcome {
	t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		out, wanted := outcomes(t, m, list)
		if wanted > 0 && time.Now().Before(deadline) {
			continue
		}
		if wanted > 0 {
			t.Fatalf("%d verifications are still wanted", wanted)
		}
		r, err := m.Depot.Catalogue.Repository(t.Context(), catalogue.Caller{}, "ada/model")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out {
			if o.State != catalogue.Measured || len(o.statements) != 1 || o.statements[0].Digest != o.Statement {
				t.Errorf("an outcome in the state %q with %d statements", o.State, len(o.statements))
				continue
			}
			target, err := m.Depot.Catalogue.Resolve(t.Context(), r, o.Statement.String())
			if err != nil {
				t.Fatal(err)
			}
			var s v1.Manifest
			if err := json.Unmarshal(target.Content, &s); err != nil || len(s.Layers) != 1 {
				t.Fatal(err)
			}
			if err := blob.Verify(t.Context(), m.Depot.Blobs, s.Layers[0].Digest); err != nil {
				t.Error(err)
			}
		}
		return out
	}
}

// TestOneOfTwoWorkersIsKilled has two of them work for one market on PostgreSQL.
func TestOneOfTwoWorkersIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("a worker has to be missed first")
	}
	t.Parallel() // it waits most of the time
	server := markettest.PostgreSQL(t)
	data := t.TempDir()
	m := markettest.Start(t, market.Options{Data: data, Database: server.Address})
	train, held := reviews(t)
	dir := trained(t, train, "0.5")
	add(t, m, "reviews", held[:100])
	list := versions(t, m, dir, 0, 8)
	db, err := sql.Open("pgx", server.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	count := func(where string) (n int) {
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM river_job WHERE "+where).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	startWorker(t, data, server.Address)
	for count("state = 'running'") == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	kill := startWorker(t, data, server.Address)
	for count("state = 'running'") < 2 {
		if count("state IN ('available', 'running')") == 0 {
			t.Fatal("the second worker came too late")
		}
		time.Sleep(5 * time.Millisecond)
	}
	kill()
	allDone(t, m, list)
	if all, again := count("state = 'completed'"), count("attempt > 1"); all != len(list) || again != 1 {
		t.Errorf("%d jobs are done, %d of them a second time; want %d and 1", all, again, len(list))
	}
}

// TestAKilledWorkerLosesNothing kills workers with SIGKILL at random moments while they measure, sign and keep what they
// found. What was kept once stays; all that is wanted is done in the end, with one outcome each. XIAOYU_KILLS says how
// often.
func TestAKilledWorkerLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("workers have to be missed")
	}
	t.Parallel() // it waits most of the time
	rounds := 4
	if text := os.Getenv("XIAOYU_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	data := t.TempDir()
	m := markettest.Start(t, market.Options{Data: data, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	train, held := reviews(t)
	dir := trained(t, train, "0.5")
	add(t, m, "reviews", held[:100])
	random := rand.New(rand.NewPCG(1, 2))
	kept := map[digest.Digest]string{}
	var list []digest.Digest
	interrupted := 0
	for round := range rounds {
		list = append(list, versions(t, m, dir, round, 1)...)
		kill := startWorker(t, data, "")
		time.Sleep(time.Duration(300+random.IntN(2500)) * time.Millisecond)
		kill()
		out, wanted := outcomes(t, m, list)
		if wanted > 0 {
			interrupted++
		}
		for i, o := range out {
			if o.State == "" && len(o.statements) > 0 {
				t.Errorf("round %d: a statement without its outcome", round)
			}
			if o.State == "" {
				continue
			}
			if before, ok := kept[list[i]]; ok && before != o.Statement.String() {
				t.Errorf("round %d: what was kept is another now", round)
			}
			kept[list[i]] = o.Statement.String()
		}
	}
	startWorker(t, data, "")
	for i, o := range allDone(t, m, list) {
		if before, ok := kept[list[i]]; ok && before != o.Statement.String() {
			t.Error("what was kept is another now")
		}
	}
	t.Logf("%d kills, %d outcomes were kept before the last worker, %d kills left something to do", rounds, len(kept), interrupted)
}
