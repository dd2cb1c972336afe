self.postMessage('an order')
