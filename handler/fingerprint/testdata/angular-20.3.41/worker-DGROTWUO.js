self.postMessage("an order");
