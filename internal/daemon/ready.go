package daemon

// NotReady lists why this process does not do its part. A spare does: it waits.
func (d *Daemon) NotReady() (reasons []string) {
	for _, s := range d.stalls() {
		reasons = append(reasons, s.text())
	}
	return reasons
}

// stalls lists what keeps the process and its tenants from making progress, the process's first and at
// most one of each.
func (d *Daemon) stalls() (stalls []stall) {
	select {
	case <-d.started:
	default:
		return []stall{*d.waiting.Load()}
	}
	if s, ok := d.outside(); ok {
		stalls = append(stalls, s)
	}
	for _, state := range d.States() {
		if s, ok := examine(state); ok {
			stalls = append(stalls, s)
		}
	}
	return stalls
}

// beginning returns the stall of a process whose start does not fail, but has not ended.
func (d *Daemon) beginning() *stall {
	return &stall{reason: stalledStarting, what: "starting: topics and schema are not ready yet", since: d.began}
}

// outside reports whether this process is not a member of the group.
func (d *Daemon) outside() (s stall, ok bool) {
	since, err := d.group.Outside()
	switch {
	case since.IsZero():
		return stall{}, false
	case err == nil:
		return stall{reason: stalledGroup, what: "not a member of the consumer group yet", since: since}, true
	}
	s = stall{reason: reasonOf(err), what: "not a member of the consumer group", detail: cleaned(err.Error()), since: since}
	if s.reason == stalledKafka {
		s.reason = stalledGroup
	}
	return s, true
}
