package thirdparty

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// dictionaries have schemathesis ask for what there is as well as for what there is not.
const dictionaries = `
[dictionaries.owners]
values = ["ada", "bob", "lab", "root", "absent"]
[dictionaries.names]
values = ["sentiment", "reviews", "tuned", "gated", "secret", "lab", "absent"]
[dictionaries.packages]
values = ["ada/sentiment", "bob/tuned", "bob/new", "ada/absent"]
[dictionaries.slugs]
values = ["desk", "own", "absent"]
[dictionaries.versions]
values = ["1.0.0", "1.1.0", "latest", "9.9.9"]
[dictionaries.ids]
values = [1, 2, 3, 999]

[parameters]
"path.owner" = { dictionary = "owners", probability = 0.8 }
"path.package_owner" = { dictionary = "owners", probability = 0.8 }
"path.member" = { dictionary = "owners", probability = 0.8 }
"path.name" = { dictionary = "names", probability = 0.8 }
"path.slug" = { dictionary = "slugs", probability = 0.8 }
"path.version" = { dictionary = "versions", probability = 0.8 }
"path.id" = { dictionary = "ids", probability = 0.8 }
"query.version" = { dictionary = "versions", probability = 0.5 }
"query.of" = { dictionary = "versions", probability = 0.5 }
"body.id" = { dictionary = "ids", probability = 0.7 }
"body.package" = { dictionary = "packages", probability = 0.7 }
`

func TestMain(m *testing.M) {
	markettest.Worker()
	os.Exit(m.Run())
}

// TestTheMarketsAPIIsWhatItsDocumentSays has schemathesis send what the document of the API allows, and what it forbids, to a
// market with something in it, as each of those who may do most. XIAOYU_API_TIME=5m goes on for so long with each.
func TestTheMarketsAPIIsWhatItsDocumentSays(t *testing.T) {
	python := os.Getenv("XIAOYU_PYTHON")
	if python == "" {
		t.Skip("needs XIAOYU_PYTHON, the interpreter of an environment with requirements.txt")
	}
	bounds := []string{"--max-examples", "5"}
	if text := os.Getenv("XIAOYU_API_TIME"); text != "" {
		long, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		bounds = []string{"--max-time", strconv.Itoa(int(long.Seconds()))}
	}
	config := filepath.Join(t.TempDir(), "schemathesis.toml")
	if err := os.WriteFile(config, []byte(dictionaries), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{markettest.Publisher, markettest.Operator} {
		t.Run(who, func(t *testing.T) {
			m := markettest.Start(t, market.Options{})
			m.Populate(t)
			// What is valid by its form may still be no key, no version and nobody's name: the catalogue says so, and which.
			cmd := exec.CommandContext(t.Context(), python, append([]string{"-m", "schemathesis.cli", "--config-file", config, "--no-color", "run", m.URL + "/api/v1/openapi.json",
				"--header", "Authorization: Bearer " + m.Token(t, who, catalogue.Admin), "--checks", "all", "--exclude-checks", "positive_data_acceptance",
				"--seed", "1", "--request-timeout", "30", "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"}, bounds...)...)
			cmd.Dir = t.TempDir() // for what it leaves behind
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			asked := regexp.MustCompile(`Selected: (\d+)/(\d+)\s+Tested: (\d+)`).FindStringSubmatch(string(out))
			cases := regexp.MustCompile(`(\d+) generated, (\d+) passed`).FindStringSubmatch(string(out))
			if asked == nil || cases == nil || asked[1] != asked[2] || asked[1] != asked[3] {
				t.Fatalf("not all operations were asked:\n%s", out)
			}
			if n, err := strconv.Atoi(cases[1]); err != nil || n < 500 {
				t.Errorf("%s requests are too few to say anything:\n%s", cases[1], out)
			}
			t.Logf("%s operations, %s requests", asked[1], cases[1])
		})
	}
}
