self.postMessage('an order');
