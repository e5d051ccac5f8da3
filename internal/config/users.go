package config

import (
	"slices"
	"time"

	"github.com/teams-kafka/connector/internal/base/plaintext"
)

// Users says who is polled.
type Users struct {
	Listed    []string
	Everyone  bool // all that Filter finds
	Filter    string
	File      string
	Groups    []string
	Exclude   []string
	Refresh   time.Duration
	Retention time.Duration
}

// everyone is the value of SOURCE_USERS that names nobody.
const everyone = "all"

func (p *parser) users() Users {
	s := p.settings
	u := Users{
		Listed:    split(s.SourceUsers),
		Filter:    s.SourceUsersFilter,
		File:      s.SourceUsersFile,
		Groups:    split(s.SourceGroups),
		Exclude:   split(s.SourceExcludeUsers),
		Refresh:   p.duration("SOURCE_USERS_REFRESH", s.SourceUsersRefresh),
		Retention: p.duration("SOURCE_USERS_RETENTION", s.SourceUsersRetention),
	}
	if slices.Contains(u.Listed, everyone) {
		if len(u.Listed) > 1 {
			p.refuse("SOURCE_USERS", s.SourceUsers, "must be all alone, or a list without it")
		}
		u.Listed, u.Everyone = nil, true
	}
	if u.File != "" {
		if _, err := plaintext.Read(u.File); err != nil {
			p.refuse("SOURCE_USERS_FILE", u.File, "cannot be read: "+err.Error())
		}
	}
	for _, group := range u.Groups {
		if !guidPattern.MatchString(group) {
			p.refuse("SOURCE_GROUPS", group, "is not a group ID (a GUID)")
		}
	}
	if len(u.Listed) == 0 && !u.Everyone && u.File == "" && len(u.Groups) == 0 {
		p.refuse("SOURCE_USERS", "", "is not set, and neither are SOURCE_USERS_FILE and SOURCE_GROUPS: nobody would be polled. To poll everyone, set SOURCE_USERS=all")
	}
	return u
}
