// Package buildinfo says what a binary was built from. It knows nothing of the rest of the program.
package buildinfo

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// Info is what is known of a build.
type Info struct {
	// Version is the release, the module's version, or the pseudo-version that Go makes of a commit.
	Version string `json:"version"`
	// Commit and Date are those of the commit, Unknown if the build has no version control information.
	// Modified reports that files had been changed since.
	Commit   string `json:"commit"`
	Date     string `json:"date"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Unknown stands for a commit or a date that is not known.
const Unknown = "unknown"

// Read returns what is known of this binary. What the linker set comes first: release, commit and date may
// be empty.
func Read(release, commit, date string) Info {
	build, _ := debug.ReadBuildInfo()
	return combine(Info{Version: release, Commit: commit, Date: date}, build)
}

func combine(linked Info, build *debug.BuildInfo) Info {
	i := linked
	if build != nil {
		if build.Main.Version != "(devel)" {
			i.Version = cmp.Or(i.Version, build.Main.Version)
		}
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				i.Commit = cmp.Or(i.Commit, s.Value)
			case "vcs.time":
				i.Date = cmp.Or(i.Date, s.Value)
			case "vcs.modified":
				i.Modified = s.Value == "true"
			}
		}
	}
	i.Version, i.Commit, i.Date = cmp.Or(i.Version, "dev"), cmp.Or(i.Commit, Unknown), cmp.Or(i.Date, Unknown)
	if i.Version == "dev" && i.Commit != Unknown {
		i.Version += "-" + i.Commit[:min(12, len(i.Commit))]
	}
	i.Go, i.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
	return i
}
