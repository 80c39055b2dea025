package machine

import (
	"runtime/debug"
	"testing"
)

func TestDescribe(t *testing.T) {
	a := Describe()
	if a.Go == "" || a.System == "" || a.Threads < 1 || len(a.Kernels) != 5 {
		t.Errorf("%+v", a)
	}
	for _, k := range a.Kernels {
		if k.Name == "" || k.Kernel == "" {
			t.Errorf("a room without a name: %+v", k)
		}
	}
}

func TestBuildOfACheckout(t *testing.T) {
	var a About
	a.setBuild(&debug.BuildInfo{
		Main: debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}, {Key: "vcs.time", Value: "T"},
		},
	})
	if want := (About{Version: "v1.2.3", Commit: "abc", Modified: true, Time: "T"}); a.Version != want.Version ||
		a.Commit != want.Commit || !a.Modified || a.Time != want.Time {
		t.Errorf("%+v, want %+v", a, want)
	}
}
