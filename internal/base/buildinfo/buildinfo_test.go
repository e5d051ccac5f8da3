package buildinfo

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// A build from a clone names its commit; what the linker set comes first.
func TestCombine_NamesTheCommit(t *testing.T) {
	clone := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-27T08:00:00Z"}, {Key: "vcs.modified", Value: "true"}}}
	module := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}
	for name, test := range map[string]struct {
		linked Info
		build  *debug.BuildInfo
		want   Info
	}{
		"a clone":                {Info{}, clone, Info{Version: "dev-0123456789ab", Commit: "0123456789abcdef", Date: "2026-11-27T08:00:00Z", Modified: true}},
		"an installed module":    {Info{}, module, Info{Version: "v1.2.3", Commit: Unknown, Date: Unknown}},
		"an image":               {Info{Version: "v2.0.0", Commit: "fedc"}, nil, Info{Version: "v2.0.0", Commit: "fedc", Date: Unknown}},
		"nothing is known":       {Info{}, nil, Info{Version: "dev", Commit: Unknown, Date: Unknown}},
		"the linker and a clone": {Info{Version: "v2.0.0"}, clone, Info{Version: "v2.0.0", Commit: "0123456789abcdef", Date: "2026-11-27T08:00:00Z", Modified: true}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Go, test.want.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
			if got := combine(test.linked, test.build); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
