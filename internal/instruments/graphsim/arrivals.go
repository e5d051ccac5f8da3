package graphsim

// arrival is a version on its way to a mailbox.
type arrival struct {
	at      int64 // when it becomes visible, Unix ms
	message uint32
	seq     uint32
	user    uint32
}

// arrivals is a binary heap with the soonest on top.
type arrivals []arrival

func (h *arrivals) push(a arrival) {
	*h = append(*h, a)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if s[parent].at <= a.at {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = a
}

func (h *arrivals) pop() arrival {
	s := *h
	top, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return top
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].at < s[child].at {
			child++
		}
		if last.at <= s[child].at {
			break
		}
		s[i] = s[child]
		i = child
	}
	s[i] = last
	return top
}
