import{a as o}from"./chunk-GD35TG7N.js";var r=()=>o("late, with ");export{r as run};
