package model

// queue is one subject of a work queue. It holds one message; a newer one replaces it.
type queue struct {
	seq   uint8 // number of the message; 0 for none
	last  uint8
	ready bool // the message waits to be delivered
}

func (q *queue) publish(m Mutant) {
	if m == DropNew && q.seq != 0 && !q.ready {
		return
	}
	q.last++
	q.seq = q.last
	q.ready = true
}

func (q *queue) ack(seq uint8, m Mutant) {
	if q.seq == seq || m == AckRemovesNewest {
		q.seq = 0
		q.ready = false
	}
}

func (q *queue) again(seq uint8) {
	if q.seq == seq && seq != 0 {
		q.ready = true
	}
}

// renumber gives the message and those that are held the lowest possible numbers, in the same order, so that states which differ only in
// numbers count as one.
func (q *queue) renumber(held ...*uint8) {
	all := append(held, &q.seq)
	q.last = 0
	for done := uint8(0); ; {
		low := uint8(255)
		for _, n := range all {
			if *n > done && *n < low {
				low = *n
			}
		}
		if low == 255 {
			return
		}
		q.last++
		for _, n := range all {
			if *n == low {
				*n = q.last
			}
		}
		done = q.last
	}
}
