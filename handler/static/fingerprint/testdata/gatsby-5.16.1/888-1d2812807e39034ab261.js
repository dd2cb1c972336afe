self.postMessage("an order");
//# sourceMappingURL=888-1d2812807e39034ab261.js.map