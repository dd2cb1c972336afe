self.postMessage('an order')
;
