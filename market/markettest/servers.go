package markettest

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/xiaoyu-slm/xiaoyu/internal/s3"
)

// Server is a program that a market stands on, which a test may stop and start.
type Server struct {
	Address     string // as the market is given it
	Stop, Start func(t *testing.T)
}

// Run runs a statement on a database.
func (s *Server) Run(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", s.Address)
	if err == nil {
		_, err = db.ExecContext(t.Context(), statement)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// PostgreSQL starts a database of its own, or skips the test where the programs are not installed.
func PostgreSQL(t *testing.T) *Server {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if err != nil || len(found) == 0 {
		t.Skip("PostgreSQL is not installed")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "xiaoyu-postgres-") // short, for the socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	run := func(t *testing.T, program string, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, program), args...)
		if os.Getuid() == 0 { // PostgreSQL refuses to be root
			cmd = exec.Command("runuser", append([]string{"-u", "postgres", "--", cmd.Path}, args...)...)
		}
		cmd.Dir = "/"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	if os.Getuid() == 0 {
		if out, err := exec.Command("chown", "postgres", dir).CombinedOutput(); err != nil {
			t.Skipf("PostgreSQL has no user here: %s", out)
		}
	}
	data := filepath.Join(dir, "data")
	run(t, "initdb", "-D", data, "-A", "trust", "-U", "xiaoyu", "--no-sync")
	s := &Server{Address: "postgres://xiaoyu@/postgres?host=" + dir}
	s.Start = func(t *testing.T) {
		t.Helper()
		run(t, "pg_ctl", "-D", data, "-w", "-l", filepath.Join(dir, "log"), "-o", "-k "+dir+" -c listen_addresses='' -c fsync=off -c max_connections=50 -c shared_buffers=16MB", "start")
	}
	s.Stop = func(t *testing.T) { t.Helper(); run(t, "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop") }
	s.Start(t)
	t.Cleanup(func() {
		exec.Command("sh", "-c", "kill -QUIT $(head -n 1 "+filepath.Join(data, "postmaster.pid")+")").Run()
	})
	return s
}

// ObjectStore starts one that speaks S3, with an empty bucket; XIAOYU_S3_SERVER names the program, versitygw. Without it
// the test is skipped.
func ObjectStore(t *testing.T) *Server {
	t.Helper()
	program := os.Getenv("XIAOYU_S3_SERVER")
	if program == "" {
		t.Skip("set XIAOYU_S3_SERVER to versitygw: go build -C e2e/thirdparty/s3 -o FOLDER tool")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secretsecret")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at, dir := l.Addr().String(), t.TempDir()
	l.Close()
	s := &Server{Address: "s3://test/market?endpoint=http://" + at}
	bucket, err := s3.Open(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	var cmd *exec.Cmd
	s.Start = func(t *testing.T) {
		t.Helper()
		cmd = exec.Command(program, "--port", at, "--access", "key", "--secret", "secretsecret", "posix", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for try := 0; ; try++ {
			if err := bucket.Make(t.Context()); err == nil {
				return
			} else if try == 50 {
				t.Fatal(fmt.Errorf("the object store does not start: %w", err))
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	s.Stop = func(t *testing.T) {
		if cmd != nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
		cmd = nil
	}
	s.Start(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}
