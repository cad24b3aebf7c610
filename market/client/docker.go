package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// dockerConfig is what `docker login` and its like have kept.
type dockerConfig struct {
	Auths       map[string]struct{ Auth, Username, Password, IdentityToken string }
	CredHelpers map[string]string // by registry
	CredsStore  string            // the helper of all others
}

const dockerWay = "log in again, or pass --from-token or --to-token as USER:PASSWORD"

// dockerLogin is what `docker login` and its like have kept for a registry, in their file or with a helper of theirs; "" for
// nothing.
func dockerLogin(host string) (user, password string, err error) {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", "", nil
		}
		dir = filepath.Join(home, ".docker")
	}
	file := filepath.Join(dir, "config.json")
	content, err := os.ReadFile(file)
	if err != nil {
		return "", "", nil
	}
	var config dockerConfig
	if err := json.Unmarshal(content, &config); err != nil {
		return "", "", hint.Wrap(err, dockerWay, "reading %s", file)
	}
	names := []string{host, "https://" + host, "http://" + host, "https://" + host + "/v2/", "https://" + host + "/v1/"}
	if host == "docker.io" {
		names = append(names, "https://index.docker.io/v1/")
	}
	for _, name := range names {
		helper := cmp.Or(config.CredHelpers[name], config.CredsStore)
		if helper == "" {
			continue
		}
		if user, password, err = askHelper(helper, name); err != nil || user != "" || password != "" {
			return user, password, err
		}
	}
	for _, name := range names {
		a, ok := config.Auths[name]
		if !ok {
			continue
		}
		if plain, err := base64.StdEncoding.DecodeString(a.Auth); err == nil && a.Auth != "" {
			a.Username, a.Password, _ = strings.Cut(string(plain), ":")
		}
		if a.IdentityToken != "" {
			return "", "", hint.Errorf(dockerWay, "%s has an identity token for %s, which is not spoken here", file, host)
		}
		return a.Username, a.Password, nil
	}
	return "", "", nil
}

// helperName is what a helper may be called: a program that is found, not a path.
var helperName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// helperPatience is how long a helper may take, which may ask its user for a password of its own.
const helperPatience = time.Minute

// askHelper asks a program docker-credential-NAME for what it keeps for a registry, as
// https://github.com/docker/docker-credential-helpers has it: the registry on standard input, JSON on standard output.
func askHelper(name, registry string) (user, password string, err error) {
	if !helperName.MatchString(name) {
		return "", "", hint.Errorf(dockerWay, "docker's configuration names the helper %.80q", name)
	}
	ctx, stop := context.WithTimeout(context.Background(), helperPatience)
	defer stop()
	cmd := exec.CommandContext(ctx, "docker-credential-"+name, "get")
	cmd.Stdin = strings.NewReader(registry)
	cmd.WaitDelay = time.Second
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	if err != nil && cmd.ProcessState != nil && ctx.Err() == nil && strings.Contains(out.String()+complaint.String(), "credentials not found") {
		return "", "", nil
	}
	if err != nil { // neither stream is repeated: they may hold what nobody else is to see
		return "", "", hint.Wrap(err, dockerWay, "asking %s for %s", cmd.Args[0], registry)
	}
	var said struct{ Username, Secret string }
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		return "", "", hint.Errorf(dockerWay, "%s says something else than JSON about %s", cmd.Args[0], registry)
	}
	if said.Username == "<token>" {
		return "", "", hint.Errorf(dockerWay, "%s has an identity token for %s, which is not spoken here", cmd.Args[0], registry)
	}
	return said.Username, said.Secret, nil
}
