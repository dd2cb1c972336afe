var t=e=>{document.querySelector("#orders").textContent=e};export{t as a};
