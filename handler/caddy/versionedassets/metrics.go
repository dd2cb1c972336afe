package versionedassets

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/static/assets/tree"
)

// assetGauges reads the state of the served directories when the metrics are collected. Label values come from the configuration
// and from a closed list.
type assetGauges struct{}

var (
	filesDesc = prometheus.NewDesc("usher_assets_files",
		"Served files by cache class.", []string{"prefix", "class"}, nil)
	bytesDesc = prometheus.NewDesc("usher_assets_bytes",
		"Bytes of the served files by cache class.", []string{"prefix", "class"}, nil)
	memoryDesc = prometheus.NewDesc("usher_assets_memory_bytes",
		"Bytes of contents in memory.", []string{"prefix"}, nil)
	publishedDesc = prometheus.NewDesc("usher_assets_generation_published_timestamp_seconds",
		"Time when the current generation was published. Absent before the first reading.", []string{"prefix"}, nil)
	problemsDesc = prometheus.NewDesc("usher_assets_unserved_files",
		"Files that are on disk and cannot be served.", []string{"prefix"}, nil)
	keptDesc = prometheus.NewDesc("usher_assets_archive_versions",
		"Versions in the archive.", []string{"prefix"}, nil)
	keptBytesDesc = prometheus.NewDesc("usher_assets_archive_bytes",
		"Bytes that the archive takes on disk, without compressed forms.", []string{"prefix"}, nil)
)

// Describe implements prometheus.Collector.
func (assetGauges) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{filesDesc, bytesDesc, memoryDesc, publishedDesc, problemsDesc, keptDesc, keptBytesDesc} {
		descs <- desc
	}
}

// prefixGauges are the gauges of one prefix. Prefixes of the same name on several sites are added up.
type prefixGauges struct {
	byClass                 map[tree.Class]tree.Usage
	memory, kept, keptBytes int64
	published               float64
	problems                int
}

// Collect implements prometheus.Collector.
func (assetGauges) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for prefix, g := range readGauges() {
		for _, class := range tree.Classes {
			gauge(filesDesc, float64(g.byClass[class].Files), prefix, string(class))
			gauge(bytesDesc, float64(g.byClass[class].Bytes), prefix, string(class))
		}
		gauge(memoryDesc, float64(g.memory), prefix)
		gauge(problemsDesc, float64(g.problems), prefix)
		gauge(keptDesc, float64(g.kept), prefix)
		gauge(keptBytesDesc, float64(g.keptBytes), prefix)
		if g.published > 0 {
			gauge(publishedDesc, g.published, prefix)
		}
	}
}

func readGauges() map[string]*prefixGauges {
	byPrefix := make(map[string]*prefixGauges)
	for _, s := range inForce() {
		for _, served := range s.served {
			g := byPrefix[served.prefix]
			if g == nil {
				g = &prefixGauges{byClass: make(map[tree.Class]tree.Usage)}
				byPrefix[served.prefix] = g
			}
			g.add(served)
		}
	}
	return byPrefix
}

func (g *prefixGauges) add(served *servedRoot) {
	if stores, found := archiveIn(served.archive); found {
		bytes, entries := stores.earlier.Size()
		g.kept += int64(entries)
		g.keptBytes += bytes
	}
	catalog := served.tree.Current()
	if catalog == nil {
		return
	}
	byClass, memory := catalog.Usage()
	for class, usage := range byClass {
		sum := g.byClass[class]
		sum.Files += usage.Files
		sum.Bytes += usage.Bytes
		g.byClass[class] = sum
	}
	g.memory += memory
	g.problems += len(catalog.Problems)
	g.published = max(g.published, float64(catalog.Published.UnixNano())/1e9)
}
