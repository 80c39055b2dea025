package servetest

import (
	"os/exec"
	"strings"
	"testing"
)

// Node runs a script, which may await, with a package of npm as the variable lib and the address of
// a server as url. It returns what the script writes. Without node, or where it does not find the
// package (the variable NODE_PATH says where), the test is skipped.
func Node(t *testing.T, pkg, url, script string) string {
	t.Helper()
	if err := exec.Command("node", "-e", "require.resolve(process.argv[1])", pkg).Run(); err != nil {
		t.Skipf("node does not find the package %s (NODE_PATH): %v", pkg, err)
	}
	c := exec.Command("node", "-e", `const lib = require(process.argv[1]), url = process.argv[2];
(async () => {`+script+`})().catch((e) => { console.log("uncaught", e) })`, pkg, url)
	var errors strings.Builder
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		t.Fatalf("node: %v: %s", err, errors.String())
	}
	return strings.TrimSpace(string(out))
}
