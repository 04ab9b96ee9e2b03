package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table writes rows for people, a test's contenders under one another.
func Table(out io.Writer, rows []Row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "test\tdepth\tthreads\tpeer\tmode\ttokens/s\tmin-max\tto best peer\tto dense\tcache MB\tK,V KB/token\tms")
	for _, r := range rows {
		ratio, dense, ms := "", "", ""
		if r.RatioToDense != nil {
			dense = fmt.Sprintf("%.2f x", *r.RatioToDense)
		}
		if r.Seconds > 0 {
			ms = fmt.Sprintf("%.0f", 1e3*r.Seconds)
		}
		if r.RatioToBestPeer != nil {
			ratio = fmt.Sprintf("%.2f x", *r.RatioToBestPeer)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%.1f\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Test, r.Depth, r.Threads, r.Peer, r.Mode, r.TokensPerSecond,
			spread(r.Samples), ratio, dense, amount(r.CacheBytes, 1e6), amount(r.ReadBytes, 1e3), ms)
	}
	return w.Flush()
}

func spread(samples []float64) string {
	if len(samples) == 0 {
		return ""
	}
	low, high := samples[0], samples[0]
	for _, s := range samples {
		low, high = min(low, s), max(high, s)
	}
	return fmt.Sprintf("%.1f-%.1f", low, high)
}

// amount prints bytes in a unit, nothing where the number is unknown.
func amount(bytes int64, unit float64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(bytes)/unit)
}
