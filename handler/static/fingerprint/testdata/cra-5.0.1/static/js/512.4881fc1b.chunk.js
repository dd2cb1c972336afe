self.postMessage("an order");
//# sourceMappingURL=512.4881fc1b.chunk.js.map