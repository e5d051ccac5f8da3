package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usedBy is the CPU time of another process so far, in steps of 10 ms. Source: proc_pid_stat(5), fields 14 and 15, in clock ticks,
// of which Linux shows 100 a second.
func usedBy(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
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
// that has ended is no use: there it counts from the moment of the fork, when the process was still this one.
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
