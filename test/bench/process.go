package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usedBy is the CPU time of another process so far, of all its threads, of which Go ends none as a rule. Source: the kernel's
// documentation of /proc/<pid>/schedstat: the first field is the time spent on the CPU, in ns.
func usedBy(pid int) (used time.Duration) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		panic(err) // the pattern is well-formed
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		nanos, _ := strconv.ParseInt(first, 10, 64)
		used += time.Duration(nanos)
	}
	return used
}

// resident is the memory of a process in MiB. Source: proc_pid_statm(5), field 2, in pages.
func resident(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// peak is the most memory a process has had so far, in MiB. Source: proc_pid_status(5), VmHWM, in kB. What the system tells of a process
// that has ended is of no use: there it counts from the moment of the fork, when the process was still this one.
func peak(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kibibytes, _ := strconv.Atoi(fields[0])
	return float64(kibibytes) / 1024
}
